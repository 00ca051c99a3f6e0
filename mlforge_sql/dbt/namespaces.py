"""Macros that call each other by the name of their package, so that models of other packages can call them.

dbt looks a macro up where the model stands that is being built: in the model's own package, the root
project and dbt itself. ``{{ shop_features.training_set(...) }}`` in a model of somebody else's finds the
macro, and what the macro calls only where that is called by its full name too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import PurePosixPath

_DEFINED = re.compile(r"{%-?\s*macro\s+(\w+)\s*\(")
_OPENING = re.compile(r"\{[#%{]")
_TOKEN = re.compile(
    r"""'(?:\\.|[^'\\])*' | "(?:\\.|[^"\\])*" | \w+ | -?[%}]\} | \s+ | .""", re.VERBOSE | re.DOTALL
)
_DECLARES = frozenset({"macro", "test"})


def qualified(files: Mapping[PurePosixPath, str], package: str) -> dict[PurePosixPath, str]:
    """The files of a package; macros and generic tests call its macros by their full names.

    A package that is called like a variable or argument of some macro, such as ``labels``, keeps the short
    names: there the word is the variable. Its macros are for its own models then.

    Args:
        files: All files of the package, by path.
        package: Its name in dbt.
    """
    macros = {path for path in files if path.suffix == ".sql" and _is_macro(path)}
    if any(package in _words(files[path]) for path in macros if package in files[path]):
        return dict(files)
    names = frozenset(name for path in macros for name in _DEFINED.findall(files[path]))
    return {
        path: _qualified(text, package, names) if path in macros else text
        for path, text in files.items()
    }


def _is_macro(path: PurePosixPath) -> bool:
    return path.parts[0] == "macros" or path.parts[:2] == ("tests", "generic")


@lru_cache(maxsize=1024)
def _words(text: str) -> frozenset[str]:
    """The words of the code of a file that stand for something by themselves: no attributes, no strings."""
    words: set[str] = set()
    position = 0
    while (opening := _OPENING.search(text, position)) is not None:
        position = opening.end()
        if opening[0] == "{#":
            end = text.find("#}", position)
            position = len(text) if end < 0 else end
            continue
        tokens, position = _code(text, position, "%}" if opening[0] == "{%" else "}}")
        code = [token for token in tokens if not token.isspace()]
        words.update(
            token for before, token in zip(["", *code], code, strict=False) if before != "."
        )
    return frozenset(words)


@lru_cache(maxsize=1024)
def _qualified(text: str, package: str, names: frozenset[str]) -> str:
    return "".join(_parts(text, package, names))


def _parts(text: str, package: str, names: frozenset[str]) -> Iterator[str]:
    """The text in parts: what is outside of Jinja, comments, and the code of each block."""
    position = 0
    while (opening := _OPENING.search(text, position)) is not None:
        yield text[position : opening.end()]
        position = opening.end()
        if opening[0] == "{#":
            end = text.find("#}", position)
            end = len(text) if end < 0 else end
            yield text[position:end]
        else:
            closing = "%}" if opening[0] == "{%" else "}}"
            tokens, end = _code(text, position, closing)
            yield from _with_package(tokens, package, names)
        position = end
    yield text[position:]


def _code(text: str, start: int, closing: str) -> tuple[list[str], int]:
    """The tokens of a block up to what closes it, and where that is."""
    tokens: list[str] = []
    depth, position = 0, start
    for found in _TOKEN.finditer(text, start):
        token = found[0]
        if token.endswith(closing) and token[0] not in "'\"" and depth == 0:
            return tokens, found.start()
        depth += _depth(token)
        tokens.append(token)
        position = found.end()
    return tokens, position


def _depth(token: str) -> int:
    """How many braces a token opens, less those it closes; none in strings."""
    return 0 if token[0] in "'\"" else token.count("{") - token.count("}")


def _with_package(tokens: list[str], package: str, names: frozenset[str]) -> Iterator[str]:
    before = ("", "")
    after = [*tokens[1:], ""]
    for token, following in zip(tokens, after, strict=True):
        if token in names and following == "(" and before[1] not in {".", *_DECLARES}:
            yield f"{package}.{token}"
        elif before == ("dispatch", "(") and token[:1] in "'\"" and following == ")":
            yield f"{token}, '{package}'"
        else:
            yield token
        if not token.isspace():
            before = (before[1], token)
