"""Incremental builds: after every build each table equals the full rebuild.

A sequence is a random project, and rounds of changes of its source, each followed by a build: of all models or of some,
killed before a statement, from a state of the source that is taken back, after a table was dropped, of another
definition. The full rebuild is of the same project, in a database of its own; some are held against the oracle too.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import strategies
from examples import examples
from harness import CONFIG, write_parquet, write_project
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from small_dbt import Killed, Rows, SmallDbt, check_same
from test_rule_of_time import check_feature

from mlforge_sql.workflows.compile import Compiled, compile_project

SEQUENCES = examples(__file__)
INCREMENTAL = {**CONFIG, "incremental": True}
SEEN: Counter[str] = Counter()
"""What the sequences had in them."""

TIME = strategies.TIME


@dataclass
class World:
    """A project, its source and its database.

    Attributes:
        project: What was drawn.
        root: Its folder.
        rows: The rows of the source.
        chance: Decides.
        specs: Its definition, and another one.
        compiled: Both, compiled.
        now: Which of them is built.
        log: What has happened.
    """

    project: strategies.GeneratedProject
    root: Path
    rows: Rows
    chance: random.Random
    specs: list[dict[str, Any]]
    compiled: list[Compiled] = field(default_factory=list)
    now: int = 0
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pool = deepcopy(self.rows)
        self.write()
        for spec in self.specs:
            write_project(self.root, spec, INCREMENTAL)
            self.compiled.append(compile_project(self.root))
        self.connection = duckdb.connect(config={"threads": 1})
        windows = self.chance.choice(["counted", "merged", "sliding"])
        atomic = self.chance.random() < 0.5
        self.dbts = [
            SmallDbt(item, self.root, self.connection, windows, atomic) for item in self.compiled
        ]

    def write(self) -> None:
        write_parquet(self.root / "data" / "events.parquet", self.project.file_schema, self.rows)

    def dbt(self) -> SmallDbt:
        return self.dbts[self.now]

    # Changes of the source

    def row(self) -> dict[str, Any]:
        """A row made of values of others, at a time that is mostly near one of theirs."""
        found = {name: self.chance.choice(self.pool)[name] for name in strategies.SCHEMA}
        if found[TIME] is not None and self.chance.random() < 0.6:
            found[TIME] += self.chance.choice(
                [
                    timedelta(days=self.chance.randint(-3, 40)),
                    timedelta(hours=self.chance.randint(-5, 50)),
                    timedelta(microseconds=self.chance.choice([-1, 1, 999_999])),
                ]
            )
        return found

    def change(self) -> None:
        for _ in range(self.chance.choice([0, 1, 1, 2, 3])):
            kind = self.chance.choice([name for name in dir(self) if name.startswith("change_")])
            SEEN[kind] += 1
            self.log.append(kind)
            getattr(self, kind)()
        self.write()

    def change_append(self) -> None:
        self.rows += [self.row() for _ in range(self.chance.randint(1, 4))]

    def change_delete(self) -> None:
        for _ in range(min(len(self.rows), self.chance.randint(1, 3))):
            self.rows.pop(self.chance.randrange(len(self.rows)))

    def change_values(self) -> None:
        """Any column, keys and times too, to another value or NULL."""
        for row in self.chance.sample(self.rows, min(len(self.rows), self.chance.randint(1, 3))):
            name = self.chance.choice(list(strategies.SCHEMA))
            row[name] = self.chance.choice([self.row()[name], self.row()[name], None])

    def change_swap(self) -> None:
        if len(self.rows) > 1:
            name = self.chance.choice(list(strategies.SCHEMA))
            one, other = self.chance.sample(self.rows, 2)
            one[name], other[name] = other[name], one[name]

    def change_repeat(self) -> None:
        if self.rows:
            self.rows.append(dict(self.chance.choice(self.rows)))

    def change_entity(self) -> None:
        if self.rows:
            gone = self.chance.choice(self.rows)["user_id"]
            self.rows = [row for row in self.rows if row["user_id"] != gone]

    def change_day(self) -> None:
        days = [row[TIME].date() for row in self.rows if row[TIME] is not None]
        if days:
            day = self.chance.choice(days)
            self.rows = [row for row in self.rows if row[TIME] is None or row[TIME].date() != day]

    def change_order(self) -> None:
        self.chance.shuffle(self.rows)

    def change_all(self) -> None:
        if self.chance.random() < 0.2:
            self.rows = [self.row() for _ in range(self.chance.randint(0, 6))]

    # Builds

    def round(self) -> None:
        self.change()
        ways = [name for name in dir(self) if name.startswith("build_")]
        way = self.chance.choice([*ways, "build_all", "build_all", "build_dirty", "build_dirty"])
        SEEN[way] += 1
        self.log.append(way)
        try:
            left_out = getattr(self, way)() or set()
        except Killed:
            SEEN["killed"] += 1
            return
        if way != "build_partial":
            self.check(left_out)

    def build_all(self) -> None:
        SEEN["incremental"] += len(self.dbt().build())

    def build_killed(self) -> None:
        self.dbt().build(die=self.chance.randint(0, 30))

    def build_partial(self) -> None:
        dbt = self.dbt()
        share = self.chance.random()
        with suppress(duckdb.CatalogException):
            dbt.build([name for name in dbt.models if self.chance.random() < share])

    def build_failed(self) -> set[str]:
        """A feature whose validator fails is left out, with what reads it."""
        dbt = self.dbt()
        failed = self.chance.choice(self.compiled[self.now].plan.features).name
        without = {failed, f"{failed}_current"}
        dbt.build([name for name in dbt.models if name not in without])
        return without

    def build_dirty(self) -> None:
        """Some models see a state of the source that no ledger has seen, and it is taken back."""
        before = deepcopy(self.rows)
        self.change()
        dbt = self.dbt()
        ledgers = {item.name for item in self.compiled[self.now].plan.ledgers}
        picked = [name for name in dbt.models if name not in ledgers and self.chance.random() < 0.7]
        with suppress(duckdb.CatalogException):
            dbt.build(picked, full=[name for name in picked if self.chance.random() < 0.2])
        self.rows = before
        self.write()
        self.dbt().build()

    def build_full(self) -> None:
        dbt = self.dbt()
        dbt.build(full=[name for name in dbt.models if self.chance.random() < 0.3])

    def build_dropped(self) -> None:
        dbt = self.dbt()
        kept = [item.name for item in self.compiled[self.now].plan.incremental]
        kept += [item.name for item in self.compiled[self.now].plan.ledgers]
        self.connection.execute(f'drop table if exists "{self.chance.choice(kept)}"')
        dbt.build()

    def build_empty(self) -> None:
        self.dbt().build(empty=True)
        self.dbt().build()

    def build_other(self) -> None:
        """Another definition of the project."""
        self.now = 1 - self.now
        self.dbt().build()

    # What has to be

    def check(self, left_out: set[str]) -> None:
        """Every table is what a full build makes of the source."""
        plan, dbt = self.compiled[self.now].plan, self.dbt()
        names = [item.name for item in plan.incremental] + [item.name for item in plan.currents]
        tables = {name: dbt.rows(name) for name in names if name not in left_out}
        with duckdb.connect(config={"threads": 1}) as dbt.connection:
            dbt.build()
            for name, rows in tables.items():
                SEEN["cells"] += check_same(name, rows, dbt.rows(name), keys_of(rows), self.sizes())
                SEEN["tables"] += 1
        dbt.connection = self.connection

    def sizes(self) -> list[float]:
        return [abs(row["amount"]) for row in self.rows if row["amount"] is not None]

    def check_oracle(self) -> None:
        """And it is what the rule of time says."""
        self.dbt().build()
        project = replace(self.project, rows=self.rows, spec=self.specs[self.now])
        for feature in project.spec["features"]:
            check_feature(self.dbt(), project, feature)
        SEEN["oracle"] += 1


def keys_of(rows: Rows) -> list[str]:
    names = ("user_id", "shop_id", "person_id", "tick", "feature_timestamp")
    return [name for name in names if rows and name in rows[0]]


@st.composite
def worlds(draw: st.DrawFn) -> tuple[strategies.GeneratedProject, dict[str, Any], int]:
    """A project with rows, another definition of it, and a seed."""
    project = draw(strategies.projects().filter(lambda found: len(found.rows) > 2))
    seed = draw(st.integers(0, 2**32))
    chance = random.Random(seed)
    other = deepcopy(project.spec)
    for feature in other["features"]:
        metrics = feature.get("metrics", [])
        if len(metrics) > 1 and "tie_breaker" not in feature and chance.random() < 0.7:
            metrics.pop(chance.randrange(len(metrics)))
    if len(other["features"]) > 1 and chance.random() < 0.5:
        other["features"].pop(chance.randrange(len(other["features"])))
    if chance.random() < 0.2:
        for spec in (project.spec, other):
            spec["sources"][0]["dedupe"] = {"key": ["quantity"], "order_by": ["price"]}
    return project, other, seed


@contextmanager
def world_of(
    drawn: tuple[strategies.GeneratedProject, dict[str, Any], int],
) -> Iterator[World]:
    project, other, seed = drawn
    with tempfile.TemporaryDirectory() as name:
        rows = deepcopy(project.rows)
        world = World(project, Path(name), rows, random.Random(seed), [project.spec, other])
        yield world
        world.connection.close()


def run(world: World) -> None:
    """A sequence."""
    for _ in range(world.chance.randint(3, 6)):
        world.round()
    world.build_all()
    world.check(set())
    if "dedupe" not in world.project.spec["sources"][0] and world.chance.random() < 0.3:
        world.check_oracle()


def test_every_build_equals_the_full_one() -> None:
    @settings(
        max_examples=SEQUENCES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(worlds())
    def check(drawn: tuple[strategies.GeneratedProject, dict[str, Any], int]) -> None:
        with world_of(drawn) as world:
            run(world)

    check()
    print(dict(SEEN))
    assert SEEN["incremental"] > SEQUENCES  # tables that were brought up to date, and not rebuilt
    assert SEEN["cells"] > 100 * SEQUENCES
