"""No DuckDB that we open fetches an extension, reads what it has no business with, or can be told to."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest
from harness import CONFIG, write_parquet, write_project

from mlforge_sql.errors import InvalidExpression, SpecErrors
from mlforge_sql.isolation import GUARDS
from mlforge_sql.spec.config import LocalStore, ProjectConfig
from mlforge_sql.stores.duckdb import open_duckdb
from mlforge_sql.types import TEXT
from mlforge_sql.workflows.compile import compile_project, schema_reader

PACKAGE = Path(__file__).resolve().parents[2] / "mlforge_sql"
SPEC = {
    "entities": [{"name": "user", "join_key": "user_id"}],
    "sources": [
        {
            "name": "events",
            "path": "data/events.parquet",
            "timestamp": "at",
            "where": "stem(user_id, 'porter') = 'x'",
        }
    ],
    "features": [
        {"name": "f", "source": "events", "entities": ["user"], "select": {"x": "amount"}},
        {"name": "g", "source": "events", "entities": ["user"], "select": {"x": "st_point(1, 2)"}},
    ],
}
SCHEMA = {"user_id": "VARCHAR", "at": "TIMESTAMP", "amount": "DOUBLE"}


def test_compile_leaves_the_home_folder_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    root = write_project(tmp_path / "project", SPEC)
    write_parquet(root / "data" / "events.parquet", SCHEMA, [])
    with pytest.raises(SpecErrors) as error:
        compile_project(root)
    assert [item.code for item in error.value.diagnostics] == ["MF043", "MF043"]
    assert all(item.location for item in error.value.diagnostics)
    assert not list(home.iterdir())


@pytest.mark.parametrize(
    "text",
    [
        "(select count(*) from read_text('/etc/passwd')) > 0",
        "(select count(*) from '/etc/passwd.csv') > 0",
        "x in (select content from read_blob('/etc/passwd'))",
    ],
)
def test_expressions_reach_no_file(text: str) -> None:
    """Even those that the parser refuses before."""
    with schema_reader(Path()) as types, pytest.raises(InvalidExpression, match="disabled"):
        types.infer(text, {"x": TEXT})


def locked(connection: duckdb.DuckDBPyConnection) -> bool:
    for name, value in GUARDS.items():
        row = connection.execute(f"select current_setting('{name}')").fetchone()
        assert row == (value == "true",), name
    with pytest.raises(duckdb.InvalidInputException, match="locked"):
        connection.execute("set autoload_known_extensions = true")
    return True


def test_connections_are_locked(tmp_path: Path) -> None:
    with schema_reader(tmp_path) as types:
        types.read_any = types._engine.query("select 1", [])  # type: ignore[attr-defined]  # a stand-in
        types.infer("x || 'a'", {"x": TEXT})
        assert types._engine._files is not None
        assert types._engine._expressions is not None
        assert locked(types._engine._files)
        assert locked(types._engine._expressions)
    store = LocalStore(KIND="local", path="store")
    (tmp_path / "store").mkdir()
    duckdb.connect(tmp_path / "store" / "features.duckdb").close()
    opened = open_duckdb(tmp_path, ProjectConfig.model_validate(CONFIG), "dev", store)
    assert locked(opened.connection)
    opened.close()


def test_the_compiled_target_has_the_same(tmp_path: Path) -> None:
    root = write_project(tmp_path, {**SPEC, "sources": [], "features": [], "entities": []})
    text = next(
        text for path, text in compile_project(root).files.items() if path.name == "profiles.yml"
    )
    for name, value in GUARDS.items():
        assert re.search(rf'{name}: "?{value}"?\n', text)


def test_every_duckdb_is_guarded() -> None:
    """Whoever opens one more has to decide what it may do."""
    for file in PACKAGE.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert "duckdb.connect(" not in text or "guarded()" in text, file
