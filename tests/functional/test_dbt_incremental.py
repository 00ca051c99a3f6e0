"""Incremental builds by the real dbt: after each of them, tables equal the full rebuild."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from harness import CONFIG, write_parquet, write_project
from small_dbt import Rows, SmallDbt, check_same

from mlforge_sql.workflows.compile import Compiled, compile_project
from mlforge_sql.workflows.compile import write_project as write_compiled

pytestmark = pytest.mark.functional

DBT = [sys.executable, "-c", "from dbt.cli.main import cli; cli()"]
SCHEMA = {"user_id": "varchar", "at": "timestamp", "amount": "double", "id": "bigint"}
START = datetime(2024, 1, 1)
ROWS: Rows = [
    {
        "user_id": f"u{number % 5}",
        "at": START + timedelta(hours=number * 31 % 1_000),
        "amount": float(number * 7 % 13),
        "id": number,
    }
    for number in range(120)
]
LEDGER = "int_events__user_id_changes"
TILES = "int_events__user_id__1d_tiles"


def spec(*windows: str) -> dict[str, Any]:
    common = {"source": "events", "entities": ["user"]}
    spend = {"windows": list(windows), "aggregations": {"amount": ["sum", "std", "max"]}}
    return {
        "entities": [{"name": "user", "join_key": "user_id"}],
        "sources": [{"name": "events", "path": "data/events.parquet", "timestamp": "at"}],
        "features": [
            {"name": "spend", **common, "interval": "1d", "metrics": [spend]},
            {
                "name": "visits",
                **common,
                "interval": "1d",
                "metrics": [{"windows": ["3d", "lifetime"], "aggregations": {"*": "count"}}],
            },
            {
                "name": "live",
                **common,
                "metrics": [
                    {"windows": "36h", "aggregations": {"amount": ["mean", "last", "mode"]}}
                ],
            },
            {"name": "latest", **common, "select": {"amount": "amount"}, "tie_breaker": ["id"]},
        ],
    }


class Project:
    """A project with a source that changes, and its database."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rows = [dict(row) for row in ROWS]
        self.write()
        self.compiled = self.compile("2d", "5d")

    def write(self) -> None:
        write_parquet(self.root / "data" / "events.parquet", SCHEMA, self.rows)

    def compile(self, *windows: str) -> Compiled:
        write_project(self.root, spec(*windows), {**CONFIG, "incremental": True})
        self.compiled = compile_project(self.root)
        write_compiled(self.compiled)
        return self.compiled

    def dbt(self, *arguments: str, fails: bool = False) -> str:
        command = [*DBT, "--no-use-colors", "--warn-error", *arguments, "--profiles-dir", "."]
        done = subprocess.run(
            command, cwd=self.root / "dbt", capture_output=True, text=True, timeout=300, check=False
        )
        assert (done.returncode != 0) is fails, done.stdout + done.stderr
        return done.stdout

    def query(self, sql: str) -> Rows:
        file = self.root / "feature_store" / "features.duckdb"
        with duckdb.connect(str(file), read_only=True) as connection:
            found = connection.execute(sql)
            names = [item[0] for item in found.description or []]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def states(self) -> dict[str, tuple[int, str]]:
        rows = self.query("select model, seen, mode from _mlforge_state where seen > 0")
        return {row["model"]: (row["seen"], row["mode"]) for row in rows}

    def check(self) -> None:
        """Every table is what a full build makes of the source."""
        with duckdb.connect() as connection:
            full = SmallDbt(self.compiled, self.root, connection)
            full.build()
            sizes = [row["amount"] for row in self.rows]
            for item in self.compiled.plan.incremental:
                mine = self.query(f"from {item.name}")
                keys = ["user_id", "tick" if item.name == TILES else "feature_timestamp"]
                assert check_same(item.name, mine, full.rows(item.name), keys, sizes) > 100


def test_builds(tmp_path: Path) -> None:
    project = Project(tmp_path)
    features = ["spend", "visits", "live", "latest"]
    project.dbt("run")
    project.check()
    assert project.states() == dict.fromkeys([LEDGER, TILES, *features], (1, "full"))

    # a late event, an update, a deletion, another key, an entity that is gone; one feature alone sees it
    project.rows.append({"user_id": "u1", "at": START, "amount": 4.5, "id": 900})
    project.rows[17]["amount"] = -3.0
    project.rows[33]["user_id"] = "new"
    project.rows = [row for row in project.rows[5:] if row["user_id"] != "u4"]
    project.write()
    output = project.dbt("run", "--select", "latest")
    assert "latest is as it was: its ledger has not looked at the source" in output
    assert project.states()["latest"] == (1, "full")  # the ledger has not looked at the source

    # a build that fails after a table was written leaves that table and what is known of it as they were
    before = project.query("select * from spend order by all")
    file = project.root / "dbt" / "models" / "features" / "spend.yml"
    text = file.read_text(encoding="utf-8")
    config = yaml.safe_load(text)
    config["models"][0]["config"]["post_hook"].append("select error('on purpose')")
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    output = project.dbt("run", fails=True)
    assert "on purpose" in output
    assert project.query("select * from spend order by all") == before
    others = dict.fromkeys([LEDGER, TILES, *features[1:]], (2, "incremental"))
    assert project.states() == {**others, "spend": (1, "full")}
    file.write_text(text, encoding="utf-8")

    # a further window is another table; the others are left as they are
    project.rows.append({"user_id": "u2", "at": START, "amount": 1.0, "id": 901})
    project.write()
    project.compile("2d", "5d", "9d")
    output = project.dbt("build")
    project.check()
    modes = {name: "full" if name == "spend" else "incremental" for name in others}
    assert project.states() == {
        name: (3, mode) for name, mode in {**modes, "spend": "full"}.items()
    }
    assert "mlforge: spend is built in full: its definition has changed" in output
    assert "mlforge: visits is brought up to date: " in output

    project.dbt("run", "--full-refresh", "--select", LEDGER)
    project.rows.pop(40)
    project.write()
    project.dbt("run")
    project.check()
    assert project.states() == {
        name: (2, "incremental") if name == LEDGER else (2, "full")
        for name in [LEDGER, TILES, *features]
    }


def holding(project: Project, person: str) -> list[str]:
    """The tables that have a value in any column that is this text."""
    listed = project.query(
        "select table_name, column_name from duckdb_columns() "
        "where database_name = 'features' and data_type = 'VARCHAR' and table_name in "
        "(select table_name from duckdb_tables())"
    )
    return sorted(
        {
            row["table_name"]
            for row in listed
            if project.query(
                f"select 1 from {row['table_name']} where {row['column_name']} = '{person}' limit 1"
            )
        }
    )


def test_a_person_is_deleted(tmp_path: Path) -> None:
    """As docs/privacy.md says: out of the source, a build, and ledgers made anew."""
    project = Project(tmp_path)
    project.dbt("build")
    tables = {LEDGER, TILES, "spend", "spend_current", "latest", "live", "visits_current"}
    assert tables <= set(holding(project, "u4"))
    project.rows = [row for row in project.rows if row["user_id"] != "u4"]
    project.write()
    project.dbt("build")
    project.check()
    assert holding(project, "u4") == [LEDGER], "a ledger says of each entity when it last changed"
    project.dbt("build", "--full-refresh")
    assert holding(project, "u4") == []
    project.check()
    project.dbt("build")
    assert holding(project, "u4") == []
    assert holding(project, "u3"), "the others are there"
