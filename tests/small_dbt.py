"""What dbt-duckdb does with the models of a compiled project, in this process and statement by statement.

Runs of the real dbt are in `tests/functional/test_dbt_incremental.py`. Here a run takes milliseconds, and can be
killed before any statement. `atomic` has each model in a transaction, as dbt-duckdb does; else every
statement is kept as it runs, which is harder to survive.
"""

from __future__ import annotations

import itertools
import json
import math
import struct
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import yaml
from harness import model_names, project_macros

from mlforge_sql.dbt.macros import Macros
from mlforge_sql.workflows.compile import Compiled

AS_OF = datetime(2030, 1, 1)
_RUNS = itertools.count()

Rows = list[dict[str, Any]]


class Killed(Exception):  # noqa: N818 - what happens, not a failure
    """The run has ended before a statement."""


class _Word:
    """A name that is another in each run or model; macros keep the object."""

    value = ""

    def __str__(self) -> str:
        return self.value


class _Relation(_Word):
    @property
    def identifier(self) -> str:
        return self.value.strip('"')


@dataclass
class SmallDbt:
    """A compiled project and a database.

    Attributes:
        compiled: The project.
        root: Its folder.
        connection: The database.
        windows: The variable `mlforge_windows`.
        atomic: Whether a model is a transaction.
        statements: How many have run.
    """

    compiled: Compiled
    root: Path
    connection: duckdb.DuckDBPyConnection
    windows: str = "counted"
    atomic: bool = True
    statements: int = 0
    die: int | None = None
    macros: Macros = field(init=False)
    _flags: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(FULL_REFRESH=False, EMPTY=False, WHICH="build")
    )

    def __post_init__(self) -> None:
        self._this, self._run = _Relation(), _Word()
        self._model: dict[str, Any] = {}
        self._properties = dict(self._all_properties())
        relation = SimpleNamespace(create=lambda identifier, **_: f'"{identifier}"')
        context = {
            "this": self._this,
            "model": self._model,
            "flags": self._flags,
            "invocation_id": self._run,
            "target": SimpleNamespace(type="duckdb", name="dev", schema="main", database="memory"),
            "config": SimpleNamespace(get=lambda _name: None),
            "api": SimpleNamespace(Relation=relation),
            "adapter": SimpleNamespace(
                dispatch=self._dispatch,
                check_schema_exists=lambda *_: True,
            ),
            "run_query": self._query,
            "load_relation": lambda name: name if self.exists(name.strip('"')) else None,
            "is_incremental": self._is_incremental,
            "fromjson": json.loads,
            "tojson": json.dumps,
            "log": lambda *_, **__: None,
        }
        self.macros = project_macros(
            self.compiled,
            self.root,
            AS_OF,
            None,
            more=context,
            variables={"mlforge_windows": self.windows},
        )

    @property
    def models(self) -> list[str]:
        """Every model, in an order in which each reads only earlier ones."""
        names = model_names(self.compiled)
        ledgers = [item.name for item in self.compiled.plan.ledgers]
        at = len(self.compiled.plan.stagings)
        return [*names[:at], *ledgers, *names[at:]]

    def build(
        self,
        models: Iterable[str] | None = None,
        *,
        full: Iterable[str] = (),
        empty: bool = False,
        die: int | None = None,
    ) -> list[str]:
        """Build models; those that were brought up to date, and not built anew.

        Args:
            models: Their names; all by default.
            full: Those that are built anew in any case.
            empty: As `dbt build --empty`.
            die: Before which statement the run is killed.

        Raises:
            Killed: It was.
        """
        self._run.value = f"run {next(_RUNS)}"
        self.connection.execute("set TimeZone = 'UTC'")
        self.die = None
        self._execute(str(self.macros.call("mlforge_create_states")))
        self.statements, self.die = 0, die
        wanted, anew = set(self.models if models is None else models), set(full)
        self._flags.EMPTY = empty
        found = []
        for name in self.models:
            if name in wanted:
                self._flags.FULL_REFRESH = name in anew
                found += [name] if self._build(name) else []
        return found

    def _build(self, name: str) -> bool:
        properties = self._properties.get(name, {})
        config = properties.get("config", {})
        self._this.value = f'"{name}"'
        path = next(item for item in self.compiled.files if item.name == f"{name}.sql")
        materialized = config.get("materialized") or (
            "table" if "features" in path.parts else "view"
        )
        self._model.clear()
        self._model.update(
            {"config": {"meta": config.get("meta", {}), "materialized": materialized}}
        )
        sql = self.macros.render(self.compiled.files[path])
        if materialized != "incremental":
            self._execute(f'create or replace {materialized} "{name}" as {sql}')
            return False
        full = not self.exists(name) or self._is_full()
        assert full != self._is_incremental()
        if self.atomic:
            self.connection.execute("begin")
        try:
            self._execute(self.macros.render(config["pre_hook"]))
            if full:
                limit = " limit 0" if self._flags.EMPTY else ""
                self._execute(f'create or replace table "{name}" as select * from ({sql}){limit}')
            else:
                self._execute(f"create or replace temp table fresh as {sql}")
                arguments = {"target_relation": f'"{name}"', "temp_relation": "fresh"}
                strategy = f"get_incremental_{config['incremental_strategy']}_sql"
                self._execute(str(self.macros.call(strategy, arguments)))
            for hook in config["post_hook"]:
                self._execute(self.macros.render(hook))
        except BaseException:
            if self.atomic:
                self.connection.execute("rollback")
            raise
        if self.atomic:
            self.connection.execute("commit")
        return not full

    def _dispatch(self, name: str, _package: str | None = None) -> Any:
        return self.macros._dispatch(name)

    def _execute(self, sql: str) -> None:
        for statement in sql.split(";\n"):
            if self.die is not None and self.statements >= self.die:
                raise Killed
            if statement.strip():
                self.statements += 1
                self.connection.execute(statement)

    def exists(self, name: str) -> bool:
        try:
            return self.connection.table(f'"{name}"') is not None
        except duckdb.CatalogException:
            return False

    def _is_incremental(self) -> bool:
        """As dbt has it."""
        return (
            self.exists(self._this.identifier)
            and self._model["config"]["materialized"] == "incremental"
            and not self._is_full()
        )

    def _is_full(self) -> bool:
        return bool(self.macros.call("should_full_refresh"))

    def _query(self, sql: str) -> SimpleNamespace:
        found = self.connection.execute(sql)
        names = [item[0] for item in found.description or []]
        return SimpleNamespace(rows=found.fetchall(), column_names=names)

    def _all_properties(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for path, text in self.compiled.files.items():
            if path.parts[0] == "models" and path.suffix == ".yml":
                found = yaml.load(text, Loader=yaml.CSafeLoader)
                for model in found.get("models", ()):
                    yield model["name"], model

    def rows(self, table: str, order: str | None = None) -> Rows:
        """All rows of a table as dicts."""
        found = self.connection.execute(
            f'select * from "{table}"' + (f" order by {order}" if order else "")
        )
        names = [item[0] for item in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def check_same(
    name: str, mine: Rows, full: Rows, keys: Sequence[str], sizes: Sequence[float]
) -> int:
    """A table is what a full build makes of it; how many values were compared.

    Args:
        name: Its name.
        mine: Its rows.
        full: The rows of the full build.
        keys: Its primary key.
        sizes: Of the doubles that were added up.
    """
    found, wanted = (
        {tuple(row[key] for key in keys): row for row in table} for table in (mine, full)
    )
    assert len(mine) == len(found), name
    assert found.keys() == wanted.keys(), (name, found.keys() ^ wanted.keys())
    for key, row in wanted.items():
        assert list(row) == list(found[key]), name
        for column, value in row.items():
            assert _alike(found[key][column], value, sizes), (name, key, column, found[key], row)
    return sum(map(len, full))


def _alike(found: Any, wanted: Any, sizes: Sequence[float]) -> bool:
    """To the bit; doubles to the digits that the order of additions leaves."""
    if type(found) is not type(wanted) or not isinstance(found, float):
        return type(found) is type(wanted) and bool(found == wanted)
    if struct.pack("d", found) == struct.pack("d", wanted):
        return True
    if not math.isfinite(found) or not math.isfinite(wanted):
        return False
    lost = 8 * sys.float_info.epsilon * max(sum(sizes), max(sizes) * len(sizes))
    lost = max(lost, 2 * math.sqrt(abs(wanted)) * lost)
    return math.isclose(found, wanted, rel_tol=1e-12, abs_tol=lost)
