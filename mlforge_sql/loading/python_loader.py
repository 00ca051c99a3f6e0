"""Python files to specs: run the file, collect what it made, remember where."""

from __future__ import annotations

import ast
import dis
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from itertools import islice
from pathlib import Path
from types import CodeType, ModuleType, TracebackType

from pydantic import ValidationError
from sqlglot.errors import SqlglotError

from mlforge_sql.errors import Diagnostic, Ended, Location, SpecErrors, shown, suggest
from mlforge_sql.expressions import ExpressionError, parse_expression
from mlforge_sql.loading.contained import contained
from mlforge_sql.loading.decorators import feature
from mlforge_sql.spec.base import Made, recording
from mlforge_sql.spec.validators import PARAMETERS

Span = tuple[int, int, int, int]
"""First line, last line, first column and last column of an expression, as Python counts them."""

Call = tuple[ast.Call, ast.FunctionDef | None]
"""A call, and the function it decorates."""

_NOT_FOR_FILES = sys.stdlib_module_names | {"mlforge_sql", "pydantic", "pydantic_core", "sqlglot"}
"""Module names that a spec file never takes over: running code may import them at any time."""

_POSITIONAL = {
    "FeatureSpec": ("name",),
    "Source": ("name",),
    "Timestamp": ("column",),
    **{name: names for name, names in PARAMETERS.items() if names},
}
"""Names of the arguments that users may write without a name."""

_PARAMETERS = {
    "feature": list(inspect.signature(feature).parameters),
    **{name: list(names) for name, names in PARAMETERS.items()},
}
_RAISE = dis.opmap["RAISE_VARARGS"]
"""An instruction at which no signal interrupts."""

_UNKNOWN_ARGUMENT = re.compile(r"(\w+)\(\) got an unexpected keyword argument '(\w+)'")


@dataclass(frozen=True)
class PythonOrigin:
    """Where a spec stands in a Python file: the call that made it."""

    path: str
    line: int
    call: ast.Call | None = field(repr=False, compare=False, default=None)
    function: ast.FunctionDef | None = field(repr=False, compare=False, default=None)

    def at(self, *path: str | int) -> Location:
        """The place of the argument at ``path``, or of the nearest expression around it."""
        node: ast.AST | None = self.call
        if path == ("query",) and self.function is not None:
            return self._place(_returned(self.function))
        for part in path:
            child = _child(node, part)
            if child is None:
                break
            node = child[1]
        return self._place(node)

    def key(self, *path: str | int) -> Location:
        """The place of the name of the argument at ``path``, or of the nearest expression."""
        node: ast.AST | None = self.call
        for part in path[:-1]:
            child = _child(node, part)
            node = child[1] if child else None
        child = _child(node, path[-1]) if path else None
        return self._place(child[0]) if child else self.at(*path)

    def unquoted(self, *path: str | int) -> str | None:
        """Never anything: Python says what is text."""
        del path
        return None

    def _place(self, node: ast.AST | None) -> Location:
        if isinstance(node, (ast.expr, ast.keyword, ast.stmt)):
            return Location(self.path, node.lineno, node.col_offset + 1)
        return Location(self.path, self.line)


def _returned(function: ast.FunctionDef) -> ast.AST:
    """What a function returns at its end, or the function."""
    last = function.body[-1]
    return last.value or last if isinstance(last, ast.Return) else function


def _child(node: ast.AST | None, part: str | int) -> tuple[ast.AST, ast.expr] | None:
    """The argument or item called ``part``: where it is named, and its value."""
    if isinstance(node, ast.Call) and isinstance(part, str):
        return _argument(node, part)
    if isinstance(node, (ast.List, ast.Tuple)) and isinstance(part, int) and part < len(node.elts):
        return node.elts[part], node.elts[part]
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == part:
                return key, value
    return None


def _argument(call: ast.Call, name: str) -> tuple[ast.AST, ast.expr] | None:
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword, keyword.value
    positional = _POSITIONAL.get(ast.unparse(call.func).rpartition(".")[2], ())
    if name in positional and positional.index(name) < len(call.args):
        value = call.args[positional.index(name)]
        return value, value
    return None


@dataclass(frozen=True)
class FoundSpec:
    """A spec that a Python file made."""

    made: Made
    origin: PythonOrigin


@dataclass(frozen=True)
class Found:
    """What Python files made, what went wrong, and the files that did not run to their end.

    Attributes:
        specs: What was made.
        problems: What went wrong.
        failed: Files that raised, or have to say something otherwise.
        groups: Names of the features of each ``Definitions``.
    """

    specs: tuple[FoundSpec, ...] = ()
    problems: tuple[Diagnostic, ...] = ()
    failed: tuple[Path, ...] = ()
    groups: tuple[frozenset[str], ...] = ()


def run_python_files(root: Path, folder: Path, files: Sequence[Path]) -> Found:
    """Run the files in order and return every entity, source and feature they made.

    Files can import each other by name. What they import from the folder is forgotten afterwards,
    so that the next call sees the files as they are then. A file that raises has a diagnostic, and
    what it made before is kept.
    """
    problems: list[Diagnostic] = []
    failed: list[Path] = []
    places = _Places(root, folder)
    with _importable(folder, files), contained(), recording() as found:
        for file in files:
            try:
                _run(file, folder)
            except ValidationError as error:
                problems += _invalid(error, places, file)
            except BaseException as error:
                if _is_interrupt(error):
                    raise
                problems.append(_raised(error, places, file))
            else:
                continue
            failed.append(file)
    specs = tuple(
        FoundSpec(item, places.origin(item.code, item.instruction)) for item in found.made
    )
    for item in found.foreign:
        place = places.spot(item.code, item.instruction)
        problem = Diagnostic("MF175", item.message, place, item.hint)
        if problem not in problems:
            problems.append(problem)
        failed.append(Path(item.code.co_filename))
    return Found(specs, tuple(problems), tuple(dict.fromkeys(failed)), tuple(found.groups))


class _Places:
    """Finds expressions of user code; reads each file once."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._folder = folder
        self._calls: dict[str, Mapping[tuple[int, ...], Call]] = {}

    def origin(self, code: CodeType, instruction: int) -> PythonOrigin:
        """The origin of what the instruction makes."""
        span = _span(code, instruction)
        line = span[0] if span else code.co_firstlineno
        call, function = self._calls_in(code.co_filename).get(span or (), (None, None))
        return PythonOrigin(self.path(code.co_filename), line, call, function)

    def spot(self, code: CodeType, instruction: int) -> Location:
        """Where an expression begins."""
        span = _span(code, instruction)
        line, column = (span[0], span[2] + 1) if span else (code.co_firstlineno, 1)
        return Location(self.path(code.co_filename), line, column)

    def deepest(self, error: BaseException, file: Path) -> PythonOrigin:
        """The innermost place of the user's own files where an error came from."""
        trace: TracebackType | None = error.__traceback__
        found: TracebackType | None = None
        while trace is not None:
            if Path(trace.tb_frame.f_code.co_filename).is_relative_to(self._folder):
                found = trace
            trace = trace.tb_next
        if found is None:
            return PythonOrigin(self.path(str(file)), 1)
        return self.origin(found.tb_frame.f_code, found.tb_lasti)

    def path(self, file: str) -> str:
        """A file's path as diagnostics show it."""
        path = Path(file)
        return path.relative_to(self._root).as_posix() if path.is_relative_to(self._root) else file

    def _calls_in(self, file: str) -> Mapping[tuple[int, ...], Call]:
        if file not in self._calls:
            try:
                tree = ast.parse(Path(file).read_bytes())
            except (OSError, SyntaxError, ValueError):  # made by `exec`, or changed meanwhile
                tree = ast.Module([], [])
            self._calls[file] = _all_calls(tree)
        return self._calls[file]


def _all_calls(tree: ast.Module) -> dict[tuple[int, ...], Call]:
    """Every call by its span, with the function it decorates."""
    found: dict[tuple[int, ...], Call] = {}
    for node in ast.walk(tree):
        decorators = node.decorator_list if isinstance(node, ast.FunctionDef) else []
        for item in (node, *decorators):
            if isinstance(item, ast.Call):
                span = item.lineno, item.end_lineno or 0, item.col_offset, item.end_col_offset or 0
                function = node if isinstance(node, ast.FunctionDef) else None
                if function is not None or span not in found:
                    found[span] = item, function
    return found


def _span(code: CodeType, instruction: int) -> Span | None:
    first, last, start, end = next(islice(code.co_positions(), instruction // 2, None))
    if first is None or last is None or start is None or end is None:
        return None
    return first, last, start, end


def _run(file: Path, folder: Path) -> None:
    name = ".".join(file.relative_to(folder).with_suffix("").parts)
    if name.split(".")[0] in _NOT_FOR_FILES:
        name = f"spec file {name}"
    if name in sys.modules:  # another file of the folder has imported it
        return
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    trace, watch = sys.gettrace(), sys.getprofile()
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    finally:
        sys.settrace(trace)
        sys.setprofile(watch)


class _Finder(MetaPathFinder):
    """Finds the modules of a spec folder, in front of everything else."""

    def __init__(self, folder: Path, names: frozenset[str]) -> None:
        self._folder = str(folder)
        self._names = names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The folder's module of a name without dots."""
        if path is not None or fullname not in self._names:
            return None
        return PathFinder.find_spec(fullname, [self._folder], target)


@contextmanager
def _importable(folder: Path, files: Sequence[Path]) -> Iterator[None]:
    """Make the folder's files importable, and leave no trace in ``sys``."""
    local = {file.stem for file in folder.glob("*.py")} | {
        item.name for item in folder.iterdir() if item.is_dir()
    }
    names = frozenset(local - _NOT_FOR_FILES)
    finder = _Finder(folder, names)
    wrote, limit = sys.dont_write_bytecode, sys.getrecursionlimit()
    before = {name: sys.modules.pop(name) for name in _modules(names)}
    importlib.invalidate_caches()
    sys.dont_write_bytecode = True
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        sys.dont_write_bytecode = wrote
        sys.setrecursionlimit(limit)
        for name in _modules(names):
            del sys.modules[name]
        sys.modules.update(before)
        for folder_read in {str(folder), *(str(file.parent) for file in files)}:
            sys.path_importer_cache.pop(folder_read, None)


def _modules(names: frozenset[str]) -> list[str]:
    """Loaded modules that are, or are inside, one of the names."""
    return [
        name for name in sys.modules if name.split(".")[0] in names or name.startswith("spec file ")
    ]


def _raised(error: BaseException, places: _Places, file: Path) -> Diagnostic:
    if isinstance(error, SyntaxError):
        path = places.path(error.filename or str(file))
        place = Location(path, error.lineno or 1, max(error.offset or 1, 1))
        return Diagnostic("MF003", f"Python cannot read the file: {error.msg}", place)
    origin = places.deepest(error, file)
    if isinstance(error, SqlglotError):
        wrong = _sql_problem(error)
        return Diagnostic(wrong.code, wrong.message, origin.at(), wrong.hint)
    text = _first_line(error)
    unknown = _UNKNOWN_ARGUMENT.match(text) if isinstance(error, TypeError) else None
    if unknown is not None and unknown[1] in _PARAMETERS:
        hint = suggest(unknown[2], _PARAMETERS[unknown[1]])
        place = origin.key(unknown[2])
        return Diagnostic("MF010", f"unknown key `{unknown[2]}`", place, hint)
    if isinstance(error, SpecErrors) and len(error.diagnostics) == 1:
        (own,) = error.diagnostics
        return Diagnostic(own.code, own.message, origin.at(), own.hint)
    what = type(error).__name__ + (f": {text}" if text else "")
    return Diagnostic("MF003", f"the file raised {what}", Location(origin.path, origin.line))


def _sql_problem(error: SqlglotError) -> ExpressionError:
    """What is wrong with SQL that a feature function gave to sqlglot."""
    for item in getattr(error, "errors", ()):
        text = "".join(item.get(key) or "" for key in ("start_context", "highlight", "end_context"))
        try:
            parse_expression(text)
        except ExpressionError as wrong:
            return wrong
    return ExpressionError("MF040", f"cannot parse SQL: {_first_line(error)}")


def _is_interrupt(error: BaseException) -> bool:
    """True when somebody pressed Ctrl-C, rather than a file raised what that raises."""
    if isinstance(error, Ended):
        return True
    if not isinstance(error, KeyboardInterrupt):
        return False
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is None or trace.tb_frame.f_code.co_code[trace.tb_lasti] != _RAISE


def _first_line(error: BaseException) -> str:
    return (shown(error).strip().splitlines() or [""])[0]


def _invalid(error: ValidationError, places: _Places, file: Path) -> list[Diagnostic]:
    from mlforge_sql.loading.problems import diagnostics_of
    from mlforge_sql.spec.models import MODELS

    origin = places.deepest(error, file)
    model = MODELS.get(error.title)
    if model is None:  # a pydantic model of the user's own
        return [_raised(error, places, file)]
    try:
        return diagnostics_of(error, model, _literal(origin.call), origin)
    except UnicodeEncodeError:  # pydantic cannot say what it was given
        message = "a text has half of a surrogate pair, which is no character"
        return [Diagnostic("MF012", message, origin.at(), "write the character itself")]


def _literal(call: ast.Call | None) -> object:
    """What a call's arguments look like, as far as the text tells: enough to follow a location."""
    if call is None:
        return {}
    names = {item.arg for item in call.keywords if item.arg}
    names |= {name for group in _POSITIONAL.values() for name in group}
    found = ((name, _argument(call, name)) for name in sorted(names))
    return {name: _shape(item[1]) for name, item in found if item}


def _shape(node: ast.expr) -> object:
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_shape(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        return {
            key.value: _shape(value)
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant)
        }
    return _literal(node) if isinstance(node, ast.Call) else None
