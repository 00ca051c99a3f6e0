"""Online values on Databricks: random events, built and published, and then time passes, against the oracle.

Each project is built on the local warehouse, synced through the workspace's API into Postgres, and
looked up at and beside the instants at which a value can change. `mlforge online check`, which reads
the feature tables through the warehouse, finds nothing. Then more events arrive, late ones among them:
it is built again, the tables are updated, and everything is looked up once more.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import served
import strategies
from examples import examples
from harness import write_parquet, write_project
from hypothesis import HealthCheck, Phase, given, settings
from strategies import TIME, GeneratedProject
from test_online_values import Drawn, check, entities_of, instants_of, served_projects
from test_training_set_values import History
from two_stores import login
from warehouse_harness import load_table, run_on_warehouse

import mlforge_sql as mlf
from mlforge_sql.api.project import LoadedProject
from mlforge_sql.dbt.macros import Macros
from mlforge_sql.online.checking import Sample
from mlforge_sql.online.databricks.reading import PastHorizonError
from mlforge_sql.plan.nodes import Current, Upcoming
from mlforge_sql.workflows.compile import Compiled, compile_project

if TYPE_CHECKING:
    from postgres_server import PostgresServer
    from warehouse import Connection, Warehouse

PROJECTS = examples(__file__)
"""A project takes half a minute: each of its tables is created, changed, copied and compared."""
NAME = "online_values"
RAW, FEATURES, ONLINE = (f"main.{NAME}_{part}" for part in ("raw", "features", "online"))
STORE = "values-store"
MODES = ("snapshot", "triggered", "triggered")
HORIZONS = (timedelta(hours=2), None, timedelta(days=3))
"""How far builds reach: at a later instant a lookup is refused."""


def config(sync_mode: str, horizon: timedelta | None) -> dict[str, Any]:
    """A project with one profile, ``databricks``, that publishes."""
    store = {"KIND": "unity_catalog", "catalog": "main", "schema": f"{NAME}_features"}
    online = {
        "KIND": "databricks_online",
        "catalog": "main",
        "schema": f"{NAME}_online",
        "store": STORE,
        "sync_mode": sync_mode,
        "publish_when": "built",
        "horizon": f"{int(horizon.total_seconds())}s" if horizon else "all",
    }
    return {
        "name": "test_project",
        "profiles": {"databricks": {"offline_store": store, "online_store": online}},
    }


@pytest.fixture
def connection(
    online_warehouse: Warehouse, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Connection]:
    """A session of a warehouse with an online store, and the environment that leads to both."""
    login(online_warehouse, monkeypatch)
    monkeypatch.setenv("PGPORT", str(postgres_server.port))
    stores = "/api/2.0/feature-store/online-stores"
    online_warehouse.api(f"POST {stores}", {"name": STORE, "capacity": "CU_1"})
    found = online_warehouse.connect()
    for schema in (FEATURES, ONLINE):
        found.sql(f"create schema {schema}")
    yield found
    for schema in (RAW, FEATURES, ONLINE):
        found.sql(f"drop schema if exists {schema} cascade")
    online_warehouse.api(f"DELETE {stores}/{STORE}")


@dataclass
class Published:
    """The tables of a project that are published, as dbt would build them."""

    compiled: Compiled
    connection: Connection

    @property
    def nodes(self) -> tuple[Current | Upcoming, ...]:
        """What is published."""
        return (*self.compiled.plan.currents, *self.compiled.plan.upcomings)

    @property
    def features(self) -> list[str]:
        """Names of the features."""
        return [node.name for node in self.compiled.plan.features]

    def build(self, project: GeneratedProject, as_of: datetime) -> None:
        """Build them from events: the first time, or what has changed."""
        self.connection.sql(f"create schema {RAW}")
        load_table(self.connection, f"{RAW}.{strategies.SOURCE}", project.schema, project.rows)
        run_on_warehouse(self.compiled, self.connection, RAW, as_of=as_of, place=FEATURES)
        for node in self.nodes:
            if self.connection.sql(f"show tables in {FEATURES} like '{node.name}'"):
                self._merge(node.name, self._key(node))
            else:
                self._create(node.name, self._key(node))
        for name in self.features:
            self.connection.sql(f"create or replace table {FEATURES}.{name} as from {RAW}.{name}")
        self.connection.sql(f"drop schema {RAW} cascade")

    def drop(self) -> None:
        """Forget the tables."""
        for name in (*(node.name for node in self.nodes), *self.features):
            self.connection.sql(f"drop table {FEATURES}.{name}")

    def _key(self, node: Current | Upcoming) -> list[str]:
        instant = ["feature_timestamp"] if isinstance(node, Upcoming) else []
        return [*(name for name, _ in node.keys), *instant]

    def _create(self, name: str, key: Sequence[str]) -> None:
        columns = [
            f"`{item.name}` {item.dtype}{' not null' if item.name in key else ''}"
            for item in self._columns(f"{RAW}.{name}")
        ]
        self.connection.sql(
            f"create table {FEATURES}.{name} ({', '.join(columns)}, "
            f"constraint pk primary key ({', '.join(key)})) "
            "tblproperties ('delta.enableChangeDataFeed' = 'true')"
        )
        self.connection.sql(f"insert into {FEATURES}.{name} select * from {RAW}.{name}")

    def _merge(self, name: str, key: Sequence[str]) -> None:
        """With the strategy that compile wrote; where nobody follows changes there is none."""
        if not any(path.name == "mlforge_changes.sql" for path in self.compiled.files):
            self.connection.sql(f"insert overwrite {FEATURES}.{name} select * from {RAW}.{name}")
            return
        adapter = SimpleNamespace(
            quote=lambda word: f"`{word}`", get_columns_in_relation=self._columns
        )
        macros = Macros(self.compiled.files, "databricks", str, context={"adapter": adapter})
        arguments = {
            "target_relation": f"{FEATURES}.{name}",
            "temp_relation": f"{RAW}.{name}",
            "unique_key": list(key),
        }
        self.connection.sql(macros.call("get_incremental_mlforge_changes_sql", arguments))

    def _columns(self, relation: str) -> list[SimpleNamespace]:
        found = self.connection.sql(f"describe table {relation}")
        named = [row for row in found if row[0] and not row[0].startswith("#")]
        return [SimpleNamespace(name=row[0], dtype=row[1]) for row in named]


def test_online_values_equal_the_oracle_on_databricks(connection: Connection) -> None:
    modes = iter(list(zip(MODES, HORIZONS, strict=True)) * PROJECTS)

    @settings(
        max_examples=PROJECTS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(served_projects())
    def run(drawn: Drawn) -> None:
        with tempfile.TemporaryDirectory() as folder:
            check_project(Path(folder), drawn, connection, *next(modes))

    run()


def check_project(
    root: Path, drawn: Drawn, connection: Connection, sync_mode: str, horizon: timedelta | None
) -> None:
    """Build, sync, look up; and again with the events that were missing."""
    write_project(root, drawn.project.spec, config(sync_mode, horizon))
    write_parquet(root / served.EVENTS, drawn.project.schema, drawn.project.rows)
    published = Published(compile_project(root), connection)
    project = mlf.load_project(root)
    some = [row for row in drawn.project.rows if drawn.chance.random() < 0.7]
    try:
        for rows in (some, drawn.project.rows):
            events = replace(drawn.project, rows=rows)
            instants = check_time(published, project, replace(drawn, project=events), horizon)
        sample = Sample(rows=10, seed=0, at=served.instant(drawn.chance.choice(instants)))
        for checked in project.serving.check(project.serving.chosen(), "databricks", sample):
            assert checked.count == 0, checked
    finally:
        project.serving.store("databricks").delete(published.features)
        project.close()
        published.drop()


def check_time(
    published: Published, project: LoadedProject, drawn: Drawn, horizon: timedelta | None
) -> list[int]:
    """Build from the events, sync, and let time pass; the instants that the build reaches."""
    _, instants = instants_of(drawn, list(histories_of(drawn.project).values()))
    as_of = served.instant(instants[0])
    rows = [row for row in drawn.project.rows if has_happened(row[TIME], as_of)]
    happened = replace(drawn.project, rows=rows)
    histories = histories_of(happened)
    entities = entities_of(drawn, list(histories.values()))
    published.build(happened, as_of)
    done = served.sync(project, as_of, "databricks", patience_seconds=120)
    assert [item.action for item in done] == ["loaded"] * len(published.nodes), done
    later = {node.feature for node in published.compiled.plan.upcomings}
    past = [at for at in instants if later and horizon and served.instant(at) > as_of + horizon]
    for instant in past:
        at = served.instant(instant)
        with pytest.raises(PastHorizonError):
            project.get_online_features(list(histories), entities, "databricks", at=at)
    reached = [instant for instant in instants if instant not in past]
    for instant in reached:
        at = served.instant(instant)
        found = project.get_online_features(list(histories), entities, "databricks", at=at)
        check(histories, entities, instant, found)
        one = drawn.chance.choice(entities)
        alone = project.get_online_features(list(histories), one, "databricks", at=at)
        assert alone == found[entities.index(one)]
    return reached


def histories_of(project: GeneratedProject) -> dict[str, History]:
    """What is true of each feature."""
    return {item["name"]: History.of(project, item) for item in project.spec["features"]}


def has_happened(event: Any, now: datetime) -> bool:
    """Whether an event can be in the source: what lies in the future has not arrived yet."""
    return event is None or bool(event < now)
