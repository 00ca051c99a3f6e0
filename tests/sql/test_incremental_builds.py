"""What an incremental build computes, and what it leaves as it is. That it is right is drawn at random elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from harness import CONFIG, write_parquet, write_project
from small_dbt import Killed, Rows, SmallDbt, check_same

from mlforge_sql.functions.model import Form
from mlforge_sql.plan import ledgers
from mlforge_sql.workflows.compile import Compiled, compile_project

SCHEMA = {
    "user_id": "varchar",
    "at": "timestamp",
    "amount": "double",
    "kind": "varchar",
    "load": "bigint",
}
START = datetime(2024, 1, 1, 12)
LEDGER = "int_events__user_id_changes"
TILES = "int_events__user_id__1d_tiles"
DATABRICKS = {"offline_store": {"KIND": "unity_catalog", "catalog": "c", "schema": "s"}}


def rows() -> Rows:
    """An event of each of ten users every second day of two hundred."""
    return [
        {
            "user_id": f"u{user}",
            "at": START + timedelta(days=day),
            "amount": float(day),
            "kind": "a",
            "load": 1,
        }
        for user in range(10)
        for day in range(0, 200, 2)
    ]


def spec(**features: dict[str, Any]) -> dict[str, Any]:
    common = {"source": "events", "entities": ["user"]}
    return {
        "entities": [{"name": "user", "join_key": "user_id"}],
        "sources": [{"name": "events", "path": "data/events.parquet", "timestamp": "at"}],
        "features": [{"name": name, **common, **item} for name, item in features.items()],
    }


def gridded(field: str, function: str, *windows: str) -> dict[str, Any]:
    return {
        "interval": "1d",
        "metrics": [{"windows": [*windows], "aggregations": {field: function}}],
    }


SPEND = gridded("amount", "sum", "3d", "7d")
LATEST = {"select": {"amount": "amount"}}


class Project:
    """A project with a source, and its database."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.connection = duckdb.connect()
        self.rows = rows()
        self.schema = SCHEMA

    def write(self) -> None:
        write_parquet(self.root / "data" / "events.parquet", self.schema, self.rows)

    def compile(self, **features: dict[str, Any]) -> SmallDbt:
        self.write()
        write_project(self.root, spec(**features), {**CONFIG, "incremental": True})
        return SmallDbt(compile_project(self.root), self.root, self.connection)

    def check(self, dbt: SmallDbt) -> None:
        """Every table is what a full build makes of the source."""
        tables = {item.name: dbt.rows(item.name) for item in dbt.compiled.plan.incremental}
        with duckdb.connect() as connection:
            full = SmallDbt(dbt.compiled, self.root, connection)
            full.build()
            for name, found in tables.items():
                keys = ["user_id", "tick" if name == TILES else "feature_timestamp"]
                check_same(name, found, full.rows(name), keys, [1_000.0])

    def all(self, table: str) -> set[tuple[Any, ...]]:
        return set(self.connection.execute(f"from {table}").fetchall())

    @property
    def computed(self) -> list[tuple[Any, ...]]:
        """The rows that the last table got."""
        return list(self.connection.execute("from fresh order by all").fetchall())


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    found = Project(tmp_path)
    yield found
    found.connection.close()


def test_a_late_event_costs_its_own_days(project: Project) -> None:
    project.compile(spend=SPEND).build()
    late = START + timedelta(days=51)
    project.rows.append({**project.rows[0], "at": late, "amount": 1000.0})
    dbt = project.compile(spend=SPEND)
    dbt.build([LEDGER])
    dbt.build([LEDGER, TILES])
    assert project.computed == [("u0", 19775, 1000.0, 1)]  # the tile of 2024-02-22
    before = project.all("spend")
    dbt.build([LEDGER, TILES, "spend"])
    assert {row[0] for row in project.computed} == {"u0"}
    first, last = project.computed[0][1], project.computed[-1][1]
    assert (first, last) == (datetime(2024, 2, 22), datetime(2024, 2, 29))
    assert len(project.computed) == 8
    assert (
        len(project.all("spend") - before) == 7
    )  # the event leaves the longest window with the last


def test_nothing_changed_is_nothing_computed(project: Project) -> None:
    features = {"spend": SPEND, "latest": LATEST}
    project.compile(**features).build()
    for row in project.rows:
        row["load"] = 2  # a column that no feature reads
    project.rows.reverse()
    dbt = project.compile(**features)
    assert dbt.build() == [LEDGER, TILES, "spend", "latest"]
    assert project.computed == []
    assert {row[-1] for row in project.all(LEDGER)} == {1}


def test_a_new_feature_rebuilds_no_other(project: Project) -> None:
    """Also where it reads a column that none has read before: the ledger learns it."""
    project.compile(spend=SPEND, latest=LATEST).build()
    kinds = {"select": {"kind": "kind"}}
    dbt = project.compile(spend=SPEND, latest=LATEST, kinds=kinds)
    assert dbt.build() == [LEDGER, TILES, "spend", "latest"]
    assert {row[-1] for row in project.all(LEDGER)} == {1}
    project.rows[0]["kind"] = "b"
    dbt = project.compile(spend=SPEND, latest=LATEST, kinds=kinds)
    assert dbt.build() == [LEDGER, TILES, "spend", "latest", "kinds"]
    assert len([row for row in project.all(LEDGER) if row[-1] > 1]) == 1
    assert ("u0", START + timedelta(microseconds=1), "b") in project.all("kinds")


def test_a_feature_that_comes_back_knows_what_has_changed(project: Project) -> None:
    kinds = {"select": {"kind": "kind"}}
    project.compile(spend=SPEND, kinds=kinds).build()
    project.rows[0]["kind"] = "b"
    project.compile(spend=SPEND).build()
    project.rows[0]["kind"] = "c"
    assert "kinds" in project.compile(spend=SPEND, kinds=kinds).build()
    assert ("u0", START + timedelta(microseconds=1), "c") in project.all("kinds")


@pytest.mark.parametrize(
    ("changed", "rebuilt"),
    [
        ({"spend": gridded("amount", "sum", "3d", "9d")}, {"spend"}),
        ({"spend": {**SPEND, "where": "amount > 3"}}, {TILES, "spend"}),
        ({"spend": gridded("amount", "max", "3d", "7d")}, {TILES, "spend"}),
        ({"other": gridded("*", "count", "7d", "30d")}, {"other"}),
    ],
)
def test_another_definition_rebuilds_that_feature(
    project: Project, changed: dict[str, Any], rebuilt: set[str]
) -> None:
    features = {"spend": SPEND, "other": gridded("*", "count", "7d"), "latest": LATEST}
    project.compile(**features).build()
    dbt = project.compile(**{**features, **changed})
    kept = set(dbt.build())
    tables = {item.name for item in dbt.compiled.plan.incremental}
    assert tables - kept - {name for name in tables if "__" in name and name != TILES} == rebuilt


def test_a_source_without_a_column_any_more_is_compared_anew(project: Project) -> None:
    project.compile(kinds={"select": {"kind": "kind"}}).build()
    project.connection.execute(
        f"update _mlforge_state set columns = '[\"gone\"]' where model = '{LEDGER}'"
    )
    assert project.compile(kinds={"select": {"kind": "kind"}}).build() == []


def test_what_was_written_without_a_look_at_the_source_is_not_counted_as_seen(
    project: Project,
) -> None:
    """A bad load that is taken back before the next build: the ledger never sees it."""
    features = {"spend": SPEND, "latest": LATEST}
    dbt = project.compile(**features)
    dbt.build()
    project.rows[7]["amount"] = -1.0
    project.write()
    assert dbt.build([TILES, "spend", "latest"], full=[TILES, "spend", "latest"]) == []
    project.rows[7]["amount"] = 14.0
    project.write()
    assert dbt.build() == [LEDGER]
    project.check(dbt)


def test_a_feature_is_no_further_than_its_tiles(project: Project) -> None:
    dbt = project.compile(spend=SPEND)
    dbt.build()
    project.rows[7]["amount"] = -1.0
    project.write()
    assert dbt.build([LEDGER, "spend"]) == [LEDGER, "spend"]
    dbt.build()
    project.check(dbt)


def test_no_number_of_a_build_is_used_twice(project: Project) -> None:
    """A build that finds nothing has a number too: what it has confirmed is what later changes come after."""
    dbt = project.compile(spend=SPEND)
    dbt.build()
    dbt.build()
    project.rows = [row for row in project.rows if row["user_id"] != "u3"]
    project.write()
    dbt.build()
    project.check(dbt)


def test_a_ledger_that_was_made_anew_counts_anew(project: Project) -> None:
    dbt = project.compile(spend=SPEND)
    for _ in range(3):
        dbt.build()
    dbt.build([LEDGER], full=[LEDGER])
    project.rows.pop()
    project.write()
    assert dbt.build() == [LEDGER]
    project.check(dbt)


def test_an_event_at_the_end_of_a_range_is_of_the_next_tile(project: Project) -> None:
    """A tile of which only a part is read must not be written."""
    midnights = [START.replace(hour=0) + timedelta(days=day) for day in range(9)]
    one = project.rows[0]
    project.rows = [
        {**one, "at": at}
        for midnight in midnights
        for at in (midnight, midnight + timedelta(hours=5))
    ]
    dbt = project.compile(spend=SPEND)
    dbt.build()
    project.rows[7]["amount"] = 3.0
    project.write()
    dbt.build()
    project.check(dbt)


def test_a_build_that_is_killed_anywhere(project: Project) -> None:
    """Also where every statement is kept as it runs, which is harder than what dbt-duckdb does."""
    dbt = project.compile(spend=SPEND)
    dbt.atomic = False
    dbt.build()
    models, statement = [LEDGER, TILES, "spend"], 0
    while True:
        project.rows.pop()
        project.rows[statement]["user_id"] = "new"
        project.rows[statement + 50]["at"] = None
        project.write()
        try:
            dbt.build(models, die=statement)
        except Killed:
            statement += 1
        else:
            break
        dbt.build(models)
        project.check(dbt)
    assert statement > 10


def test_after_a_build_without_the_key_nothing_is_known(project: Project) -> None:
    """Its tables are of a state of the source that no ledger has seen, and that may be gone again."""
    dbt = project.compile(latest=LATEST)
    dbt.build()
    own = project.connection.execute("select max(run_id) from _mlforge_state").fetchone()
    assert own is not None
    metadata = (
        "create table _mlforge_metadata as select ? as run_id, timestamp '2024-01-01' as built_at"
    )
    project.connection.execute(metadata, own)
    assert dbt.build() == [LEDGER, "latest"]
    other = "insert into _mlforge_metadata values ('another', timestamp '2024-01-02')"
    project.connection.execute(other)
    assert dbt.build() == []


def compiled(root: Path, **config: Any) -> Compiled:
    write_parquet(root / "data" / "events.parquet", SCHEMA, [])
    found = spec(spend=SPEND, latest=LATEST)
    found["sources"][0]["table"] = "c.s.events"
    return compile_project(write_project(root, found, {**deepcopy(CONFIG), **config}))


def configs(project: Compiled) -> dict[str, dict[str, Any]]:
    texts = [
        text
        for path, text in project.files.items()
        if path.suffix == ".yml" and "models" in path.parts
    ]
    return {
        model["name"]: model["config"]
        for text in texts
        for model in yaml.safe_load(text).get("models", ())
    }


def test_without_the_key_nothing_is_incremental(tmp_path: Path) -> None:
    found = compiled(tmp_path)
    assert not any(
        "incremental" in text or "mlforge_changed" in text for text in found.files.values()
    )


def test_on_databricks_tables_are_rebuilt(tmp_path: Path) -> None:
    profiles = {**CONFIG["profiles"], "live": DATABRICKS}
    found = configs(compiled(tmp_path, profiles=profiles, incremental=True))
    assert found[LEDGER]["enabled"] == "{{ target.type == 'duckdb' }}"
    for name in (TILES, "spend", "latest"):
        expected = "{{ 'incremental' if target.type == 'duckdb' else 'table' }}"
        assert found[name]["materialized"] == expected
    files = compiled(tmp_path, profiles=profiles, incremental=True).files
    (latest,) = (text for path, text in files.items() if path.name == "latest.sql")
    assert f"{{% else %}}\n\n-- depends_on: {{{{ ref('{LEDGER}') }}}}\n\n{{% endif %}}" in latest
    assert latest.count("{{ changed.rows }}") == 1


def test_where_no_profile_can_the_project_says_so(tmp_path: Path) -> None:
    found = compiled(tmp_path, profiles={"live": DATABRICKS}, incremental=True)
    assert [item.code for item in found.project.warnings] == ["MF170"]
    assert not found.plan.ledgers


def test_what_is_not_proven_is_rebuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function of single events that nobody has looked at makes its feature a table."""
    monkeypatch.setattr(ledgers, "_PROVEN", frozenset({Form.DISTINCT}))
    write_parquet(tmp_path / "data" / "events.parquet", SCHEMA, [])
    found = spec(
        spend=SPEND,
        modes=gridded("kind", "mode", "3d"),
        kinds=gridded("kind", "count_distinct", "3d"),
    )
    write_project(tmp_path, found, {**CONFIG, "incremental": True})
    config = configs(compile_project(tmp_path))
    assert config["kinds"]["materialized"] == config["spend"]["materialized"] == "incremental"
    assert "materialized" not in config["modes"]


CHANGED = {
    "cents": ("decimal(10,2)", "bigint", "12.50", 1250),
    "fewer digits": ("decimal(10,2)", "decimal(10,0)", "12.50", "1250"),
    "numbers of truths": ("boolean", "tinyint", True, 1),
    "no list": ("integer[]", "integer[]", [], None),
}


def held(kind: str, value: Any) -> Any:
    return Decimal(value) if "decimal" in kind else value


@pytest.mark.parametrize("name", CHANGED)
def test_values_of_other_types_are_other_values(project: Project, name: str) -> None:
    """Where no column of a table tells, the hash of a value alone would not."""
    features = {
        "counted": {**gridded("*", "count", "3d"), "where": "cast(amount as varchar) = '12.50'"},
        "told": {"select": {"said": "coalesce(cast(amount as varchar), 'none')"}},
    }
    before, after, old, new = CHANGED[name]
    for kind, value in ((before, old), (after, new)):
        project.schema = {**SCHEMA, "amount": kind}
        project.rows = [{**row, "amount": held(kind, value)} for row in rows()[:300]]
        dbt = project.compile(**features)
        dbt.build()
    project.check(dbt)


def test_keys_of_another_type_are_other_keys(project: Project) -> None:
    """The ledger would keep them as what they were."""
    for kind, shift, amount in (
        ("decimal(10,0)", "0", 0.0),
        ("decimal(10,2)", "0.25", 0.0),
        ("decimal(10,2)", "0.25", 1000.0),
        ("varchar", "0.25", 1.0),
    ):
        project.schema = {**SCHEMA, "user_id": kind}
        project.rows = [
            {
                **row,
                "user_id": str(key) if kind == "varchar" else key,
                "amount": row["amount"] + amount,
            }
            for number, row in enumerate(rows())
            for key in [Decimal(number % 7) + Decimal(shift)]
        ]
        dbt = project.compile(spend=SPEND, latest=LATEST)
        dbt.build()
        project.check(dbt)


def test_a_table_that_something_else_has_made_is_built_anew(project: Project) -> None:
    """As a build does that is not incremental, and is killed before it has said so."""
    dbt = project.compile(spend=SPEND, latest=LATEST)
    dbt.build()
    for table in ("spend", TILES):
        project.connection.execute(f"create or replace table {table} as from {table} limit 3")
    assert set(dbt.build()) == {LEDGER, "latest"}
    project.check(dbt)
    assert set(dbt.build()) == {LEDGER, TILES, "spend", "latest"}
