"""Settings of DuckDB: every one is pinned, free or refused, and every session has the pins."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
import yaml
from harness import CONFIG, write_project
from purchases import build

from mlforge_sql.engine_settings import (
    ALIASES,
    HARMLESS,
    PINS,
    SYMPTOMS,
    Pin,
    free_settings,
    pinned_names,
    required_settings,
    set_statements,
    setting_problems,
)
from mlforge_sql.errors import SchemaUnreadable, SpecErrors
from mlforge_sql.stores.opening import open_store
from mlforge_sql.workflows.compile import compile_project, schema_reader

REFUSED = frozenset(
    [
        "access_mode",
        "active_grammar_extensions",
        "allow_extensions_metadata_mismatch",
        "allow_parser_override_extension",
        "allow_unredacted_secrets",
        "allowed_configs",
        "allowed_directories",
        "allowed_paths",
        "arrow_large_buffer_size",
        "arrow_lossless_conversion",
        "arrow_output_list_view",
        "arrow_output_version",
        "current_dialect",
        "current_transaction_invalidation_policy",
        "debug_checkpoint_scan_sleep_ms",
        "default_transaction_invalidation_policy",
        "disable_database_invalidation",
        "disabled_filesystems",
        "duckdb_api",
        "enable_external_access",
        "enable_geoparquet_conversion",
        "enable_http_metadata_cache",
        "enable_macro_dependencies",
        "enable_view_dependencies",
        "file_search_path",
        "fsync_mode",
        "geometry_minimum_shredding_size",
        "home_directory",
        "ignore_unknown_crs",
        "immediate_transaction_mode",
        "json_geometry_format",
        "lock_configuration",
        "pandas_analyze_sample",
        "parquet_metadata_cache",
        "password",
        "python_enable_replacements",
        "python_scan_all_frames",
        "schema",
        "search_path",
        "show_behavior",
        "standard_vector_size",
        "user",
        "username",
        "validate_external_file_cache",
        "variant_minimum_shredding_size",
        "warnings_as_errors",
    ]
)
"""Settings that change values, rows or what is read, that a session cannot set, or that nobody needs."""


def test_every_setting_of_duckdb_has_been_looked_at() -> None:
    """A new one is decided on here: pinned, harmless or refused."""
    with duckdb.connect() as connection:
        rows = connection.execute("select name, aliases from duckdb_settings()").fetchall()
    pins = pinned_names()
    unknown = [
        name
        for name, _ in rows
        if name.lower() not in pins and ALIASES.get(name, name) not in HARMLESS | REFUSED
    ]
    assert unknown == []
    assert not (HARMLESS | pins.keys()) & REFUSED
    assert not HARMLESS & pins.keys()
    for name, aliases in rows:
        for alias in aliases:
            assert {name, alias} <= REFUSED or name in ALIASES or ALIASES[alias] == name


def test_refused_ones_are_refused() -> None:
    for name in sorted(REFUSED):
        [(found, message, _)] = setting_problems({name.upper(): "x"})
        assert (found, message.split(" is ")[0]) == (name.upper(), f"`{name.upper()}`")


@pytest.mark.parametrize("name", sorted(HARMLESS))
def test_harmless_ones_are_taken(name: str) -> None:
    assert [*setting_problems({name: 1})] == []
    assert free_settings({name: 1}) == {name: 1}


@pytest.mark.parametrize("pin", PINS, ids=[pin.name for pin in PINS])
def test_duckdb_knows_a_pin_by_its_value(pin: Pin) -> None:
    """What a session shows of it is a way to write it: the check of a run compares the two."""
    name, value, accepted = pin.name, pin.value, pin.accepted
    with duckdb.connect() as connection:
        show = "select value from duckdb_settings() where lower(name) = lower(?)"
        before = connection.execute(show, [name]).fetchall()
        if not before:
            assert name == "old_implicit_casting", "only DuckDB 1 has it"
            return
        assert str(before[0][0]).lower() in accepted, "its default"
        for statement in set_statements({name: value}):
            connection.execute(statement)
        assert str(connection.execute(show, [name]).fetchall()[0][0]).lower() in accepted
    assert [*setting_problems({name: value})] == []
    assert [item[0] for item in setting_problems({name: "other"})] == [name]


def test_the_schema_reader_has_the_pins(tmp_path: Path) -> None:
    with schema_reader(tmp_path) as reader:
        reader.pattern_problem("a")
        with pytest.raises(SchemaUnreadable):
            reader.read("nothing.csv")
        for connection in (reader._engine._files, reader._engine._expressions):
            assert connection is not None
            _has_pins(connection)


def test_an_opened_store_has_the_pins(tmp_path: Path) -> None:
    root = build(tmp_path)
    store = open_store(root, compile_project(root).project, None)
    _has_pins(store.local)
    store.close()


def _has_pins(connection: duckdb.DuckDBPyConnection) -> None:
    real = {
        name.lower(): str(value)
        for name, value in connection.execute(
            "select name, value from duckdb_settings()"
        ).fetchall()
    }
    for name, value in required_settings().items():
        assert real[name.lower()] == value


def test_a_project_with_another_setting_is_not_compiled(tmp_path: Path) -> None:
    """Text without case would make one user of `u1` and `U1`; NULL first would turn ties round."""
    for settings in ({"default_collation": "nocase"}, {"default_null_order": "nulls_first"}):
        store = {"KIND": "local", "path": "./feature_store", "settings": settings}
        config = {**CONFIG, "profiles": {"dev": {"offline_store": store}}}
        write_project(tmp_path, {}, config)
        with pytest.raises(SpecErrors) as caught:
            compile_project(tmp_path)
        assert [item.code for item in caught.value.diagnostics] == ["MF128"]


def test_symptoms_are_one_way_or_the_other() -> None:
    for item in SYMPTOMS:
        assert bool(item.wanted) != bool(item.wrong), item.name
        assert not item.is_wrong("UTC")


def test_the_page_lists_what_is_pinned() -> None:
    page = (Path(__file__).parents[2] / "docs" / "engine-settings.md").read_text("utf-8")
    pins = [f"| `{pin.name}` | {f'`{pin.value}`' if pin.value else 'nothing'} |" for pin in PINS]
    symptoms = [f"| {item.name} | {item.value} |" for item in SYMPTOMS]
    for mark, lines in (("pins", pins), ("symptoms", symptoms)):
        table = page.split(f"<!-- {mark} -->\n")[1].split("\n\n")[0].strip().splitlines()
        assert table[2:] == lines
    block = page.split("<!-- settings -->\n```yaml\n")[1].split("```")[0]
    shown = yaml.safe_load(block)["offline_store"]["settings"]
    assert [*setting_problems(shown)] == []
