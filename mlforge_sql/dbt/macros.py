"""The compiled project's macros as Python calls: the SQL that dbt would run, without starting dbt.

Only what the macros use of dbt's context is here: ``return``, ``adapter.dispatch``, ``ref``,
``env_var``, ``modules``, ``exceptions`` and ``execute``.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import PurePosixPath
from types import CodeType, SimpleNamespace
from typing import Any, NoReturn

from jinja2 import Environment, StrictUndefined, Template
from jinja2.runtime import Macro

from mlforge_sql.errors import MlforgeError

_DEFINED = re.compile(r"({%-?\s*macro\s+)(\w+)(\s*\()")
_QUALIFIED = re.compile(r"\b(\w+)\.mlforge_\w+\(")
_OWN_PREFIX = "dbt_macro__"
"""As in dbt: calls inside a file go through the context, and not straight to the file's own macro."""


_ENVIRONMENT = Environment(
    extensions=["jinja2.ext.do"], undefined=StrictUndefined, autoescape=False
)


IN_PROCESS = frozenset({"mlforge_salt_part"})
"""Macros that are said in their portable form here: no connection has the salt, and no file gets the SQL."""


class MacroError(MlforgeError):
    """A macro stopped with a compiler error of its own."""


class _Returned(BaseException):
    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class Macros:
    """The macros of a compiled project, by name.

    Args:
        files: The compiled files, by path.
        adapter: dbt's adapter type, such as ``duckdb``.
        relations: Gives the SQL name of a model, for ``ref``.
        portable: Macros that are dispatched to ``default__`` although the adapter has its own; a
            way to run the portable form of a join on any engine.
        context: Further names.
    """

    def __init__(
        self,
        files: Mapping[PurePosixPath, str],
        adapter: str,
        relations: Callable[[str], str],
        *,
        portable: frozenset[str] = frozenset(),
        context: Mapping[str, Any] | None = None,
    ) -> None:
        self._adapter = adapter
        self._portable = portable
        self._context: dict[str, Any] = dict(_ENVIRONMENT.globals)
        self._context.update(
            {
                "return": _return,
                "execute": True,
                "ref": relations,
                "env_var": _env_var,
                "adapter": SimpleNamespace(dispatch=self._dispatch),
                "exceptions": SimpleNamespace(raise_compiler_error=_stop),
                "modules": SimpleNamespace(re=re, datetime=dt),
                "target": SimpleNamespace(type=adapter),
                **(context or {}),
            }
        )
        texts = [
            text
            for path, text in files.items()
            if path.parts[0] == "macros" and path.suffix == ".sql"
        ]
        self._defined: dict[str, Macro] = {}
        for text in texts:  # all names first: a macro may call one of a later file
            for found in _DEFINED.finditer(text):
                self._context[found[2]] = self._callable(found[2])
        for package in {name for text in texts for name in _QUALIFIED.findall(text)}:
            self._context.setdefault(package, _Package(self._context))
        for text in texts:
            self._define(text)

    def call(self, name: str, /, *arguments: Any, **named: Any) -> Any:
        """What a macro returns, or its text.

        Raises:
            MacroError: It stops with a compiler error.
        """
        return self._context[name](*arguments, **named)

    def render(self, text: str) -> str:
        """A model's text with its Jinja filled in.

        Raises:
            MacroError: A macro stops with a compiler error.
        """
        return _template(text, self._context).render()

    def _define(self, text: str) -> None:
        module = _template(_DEFINED.sub(rf"\1{_OWN_PREFIX}\2\3", text), self._context).module
        for name, macro in vars(module).items():
            if isinstance(macro, Macro):
                self._defined[name.removeprefix(_OWN_PREFIX)] = macro

    def _callable(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            try:
                return str(self._defined[name](*arguments, **named))
            except _Returned as returned:
                return returned.value

        return call

    def _dispatch(self, name: str, _package: str | None = None) -> Any:
        own = f"{self._adapter}__{name}"
        if own in self._context and name not in self._portable:
            return self._context[own]
        return self._context[f"default__{name}"]


class _Package:
    """A package by its name: here all macros are of one."""

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        try:
            return self._context[name]
        except KeyError:
            raise AttributeError(name) from None


def _template(text: str, context: dict[str, Any]) -> Template:
    return Template.from_code(_ENVIRONMENT, _code(text), context)


@lru_cache(maxsize=256)
def _code(text: str) -> CodeType:
    return _ENVIRONMENT.compile(text)


def _return(value: Any = None) -> NoReturn:
    raise _Returned(value)


def _stop(message: str) -> NoReturn:
    raise MacroError(message)


def _env_var(name: str, default: str | None = None) -> str:
    value = os.environ.get(name, default)
    if value is None:
        raise MacroError(f"the environment variable `{name}` is not set")
    return value
