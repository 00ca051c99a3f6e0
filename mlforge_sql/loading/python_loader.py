"""Python files to specs: run the file, collect what it made, remember where."""

from __future__ import annotations

import ast
import importlib.util
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from mlforge_sql.errors import Diagnostic, Location, SpecErrors
from mlforge_sql.spec.base import Made, recording


@dataclass(frozen=True)
class PythonOrigin:
    """Where a spec stands in a Python file: the call that made it."""

    path: str
    line: int
    call: ast.Call | None = field(repr=False, compare=False, default=None)
    positional: tuple[str, ...] = ()

    def at(self, *path: str | int) -> Location:
        """The place of the argument at ``path``, or of the nearest expression around it."""
        node: ast.AST | None = self.call
        for part in path:
            child = _child(node, part, self.positional)
            if child is None:
                break
            node = child
        return self._place(node)

    def key(self, *path: str | int) -> Location:
        """As ``at``: in Python, a keyword is at its value."""
        return self.at(*path)

    def _place(self, node: ast.AST | None) -> Location:
        if isinstance(node, ast.expr):
            return Location(self.path, node.lineno, node.col_offset + 1)
        return Location(self.path, self.line)


def _child(node: ast.AST | None, part: str | int, positional: Sequence[str]) -> ast.AST | None:
    if isinstance(node, ast.Call) and isinstance(part, str):
        for keyword in node.keywords:
            if keyword.arg == part:
                return keyword.value
        if part in positional and positional.index(part) < len(node.args):
            return node.args[positional.index(part)]
    if isinstance(node, (ast.List, ast.Tuple)) and isinstance(part, int) and part < len(node.elts):
        return node.elts[part]
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == part:
                return value
    return None


@dataclass(frozen=True)
class FoundSpec:
    """A spec that a Python file made."""

    made: Made
    origin: PythonOrigin


def run_python_files(root: Path, folder: Path, files: Sequence[Path]) -> list[FoundSpec]:
    """Run the files in order and return every entity, source and feature they made.

    Files can import each other by name. What they import from the folder is forgotten afterwards,
    so that the next call sees the files as they are then.

    Raises:
        SpecErrors: Files raised; every file that did has its diagnostics.
    """
    problems: list[Diagnostic] = []
    with _importable(folder), recording() as made:
        for file in files:
            try:
                _run(file, folder)
            except ValidationError as error:
                problems.extend(_invalid(error, root, file))
            except SpecErrors as error:
                problems.extend(error.diagnostics)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - user code may raise anything
                problems.append(_raised(error, root, file))
    if problems:
        raise SpecErrors(problems)
    trees: dict[str, ast.Module] = {}
    return [FoundSpec(item, _origin(item, root, trees)) for item in made]


def _run(file: Path, folder: Path) -> None:
    name = ".".join(file.relative_to(folder).with_suffix("").parts)
    if name in sys.modules:  # another file of the folder has imported it
        return
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Make the folder's files importable, and leave no trace in ``sys``."""
    before, path = dict(sys.modules), list(sys.path)
    wrote = sys.dont_write_bytecode
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    local = {file.stem for file in folder.glob("*.py")} | {
        item.name for item in folder.iterdir() if item.is_dir()
    }
    shadowed = {name: sys.modules.pop(name) for name in local if name in sys.modules}
    try:
        yield
    finally:
        sys.path[:] = path
        sys.dont_write_bytecode = wrote
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if name not in before and file and Path(file).is_relative_to(folder):
                del sys.modules[name]
        sys.modules.update(shadowed)


def _relative(root: Path, file: str | Path) -> str:
    path = Path(file)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def _last_user_line(error: BaseException, file: Path) -> int:
    lines = [
        frame.lineno or 1
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename) == file
    ]
    return lines[-1] if lines else 1


def _raised(error: BaseException, root: Path, file: Path) -> Diagnostic:
    path = _relative(root, file)
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename) == file:
        place = Location(path, error.lineno or 1, error.offset or 1)
        return Diagnostic("MF003", f"Python cannot read the file: {error.msg}", place)
    place = Location(path, _last_user_line(error, file))
    text = str(error).strip().splitlines()
    what = type(error).__name__ + (f": {text[0]}" if text else "")
    return Diagnostic("MF003", f"the file raised {what}", place)


def _invalid(error: ValidationError, root: Path, file: Path) -> list[Diagnostic]:
    from mlforge_sql.loading.problems import diagnostics_of
    from mlforge_sql.spec.models import MODELS

    line = _last_user_line(error, file)
    calls = _calls(file)
    path = _relative(root, file)
    origin = PythonOrigin(path, line, _call_at(calls, line), _positional(error.title))
    model = MODELS.get(error.title)
    if model is None:
        return [Diagnostic("MF012", str(error).splitlines()[0], origin.at())]
    value = _literal(origin.call)
    return diagnostics_of(error, model, value, origin)


def _literal(call: ast.Call | None) -> object:
    """What a call's keywords look like, as far as the text tells: enough to follow a location."""
    if call is None:
        return {}
    return {item.arg: _shape(item.value) for item in call.keywords if item.arg}


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


def _positional(model: str) -> tuple[str, ...]:
    return {"Source": ("name",), "Timestamp": ("column",)}.get(model, ())


def _calls(file: Path) -> list[ast.Call]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def _call_at(calls: Sequence[ast.Call], line: int) -> ast.Call | None:
    """The call that starts on ``line``, or the narrowest one around it."""
    around = [item for item in calls if item.lineno <= line <= (item.end_lineno or item.lineno)]
    starting = [item for item in around if item.lineno == line]
    candidates = starting or around
    if not candidates:
        return None
    return max(candidates, key=lambda item: (item.end_lineno or item.lineno) - item.lineno) if starting else min(
        candidates, key=lambda item: (item.end_lineno or item.lineno) - item.lineno
    )


def _origin(made: Made, root: Path, trees: dict[str, ast.Module]) -> PythonOrigin:
    file = Path(made.file)
    path = _relative(root, file)
    if made.file not in trees:
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        trees[made.file] = ast.parse(text)
    calls = [node for node in ast.walk(trees[made.file]) if isinstance(node, ast.Call)]
    positional = _positional(type(made.spec).__name__)
    return PythonOrigin(path, made.line, _call_at(calls, made.line), positional)
