"""Online values: random events, built, synced once, and then time passes, against the oracle.

After the one sync nothing is written any more. At and beside every instant at which a value can
change, the lookup must give what the oracle computes from the events for that very instant.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import oracle
import pytest
import served
import strategies
from examples import examples
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from strategies import GeneratedProject
from test_training_set_values import DAY, TTLS, UNKNOWN, History, feature_columns

import mlforge_sql as mlf
from mlforge_sql.online.postgres.syncing import MARGIN

if TYPE_CHECKING:
    from postgres_server import PostgresServer

INSTANTS = 20
"""Instants after the sync at which every entity is looked up."""

LOCAL_INSTANTS = 3
"""Of them, those that are looked up locally too, where a lookup opens the file."""


@dataclass(frozen=True)
class Drawn:
    """A project, and the numbers that decide what is looked up."""

    project: GeneratedProject
    chance: random.Random


@st.composite
def served_projects(draw: st.DrawFn) -> Drawn:
    project = draw(strategies.projects())
    chance = random.Random(draw(st.integers(0, 2**64 - 1)))
    for feature in project.spec["features"]:
        if chance.random() < 0.4:
            feature["ttl"] = chance.choice(TTLS)
    return Drawn(project, chance)


def entities_of(drawn: Drawn, histories: Sequence[History]) -> list[dict[str, Any]]:
    """Entities of all features at once: those of events, strangers, mixtures, NULL keys."""
    rows = [*drawn.project.rows, UNKNOWN, dict.fromkeys(drawn.project.schema)]
    chosen = drawn.chance.sample(rows, min(len(rows), 8))
    names = [name for history in histories for name in (*history.keys, *history.parts)]
    entities: list[dict[str, Any]] = []
    for row in chosen:
        other = drawn.chance.choice(rows)
        entity = {
            name: drawn.chance.choice([row, row, row, other])[name] for name in names if name in row
        }
        for history in histories:
            if history.parts and drawn.chance.random() < 0.4:  # the key instead of its parts
                parts = [entity[name] for name in history.parts]
                entity[history.keys[0]] = oracle.surrogate_key(parts)
        entities.append(entity)
    return [*entities, *entities[:2]]


def instants_of(drawn: Drawn, histories: Sequence[History]) -> tuple[int, list[int]]:
    """When to sync, and instants from its margin on: mostly at and beside a change of a value."""
    points = sorted(
        {
            point + move
            for history in histories
            for events in history.events.values()
            for point in history.points(events)
            for move in (0, history.ttl or 0)
        }
    ) or [0]
    chance = drawn.chance
    start = chance.choice(
        [points[0] - DAY, *[chance.choice(points) + chance.choice([-1, 0, 1])] * 4]
    )
    around = {point + move for point in points for move in (-1, 0, 1)}
    later = [point for point in sorted(around) if point >= start]
    some = chance.sample(later, min(len(later), INSTANTS))
    return start + MARGIN // oracle.MICROSECOND, sorted({*some, start, points[-1] + 1000 * DAY})


def check(
    histories: Mapping[str, History],
    entities: Sequence[Mapping[str, Any]],
    instant: int,
    found: Sequence[Mapping[str, Any]],
) -> None:
    assert len(found) == len(entities)
    for entity, row in zip(entities, found, strict=True):
        assert {name: row[name] for name in entity} == entity
        for history in histories.values():
            history.check(feature_columns(history.feature), entity, instant, dict(row))


@settings(
    max_examples=examples(__file__),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],  # an example costs a compile: shrinking takes minutes
)
@given(served_projects())
def test_online_values_equal_the_oracle_while_time_passes(
    postgres_server: PostgresServer, drawn: Drawn
) -> None:
    histories = {
        item["name"]: History.of(drawn.project, item) for item in drawn.project.spec["features"]
    }
    names = list(histories)
    entities = entities_of(drawn, list(histories.values()))
    as_of, instants = instants_of(drawn, list(histories.values()))
    local = set(drawn.chance.sample(instants, min(len(instants), LOCAL_INSTANTS)))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv(served.DSN, postgres_server.create_database())
        root = served.build(
            Path(folder), drawn.project.spec, drawn.project.rows, drawn.project.schema
        )
        project = mlf.load_project(root)
        try:
            done = served.sync(project, served.instant(as_of))
            assert [item.action for item in done] == ["loaded"] * len(names), done
            for instant in instants:
                at = served.instant(instant)
                found = project.get_online_features(names, entities, "pg", at=at)
                check(histories, entities, instant, found)
                one = drawn.chance.choice(entities)
                alone = project.get_online_features(names, one, "pg", at=at)
                assert alone == found[entities.index(one)]
                if instant in local:
                    found = project.get_online_features(names, entities, "dev", at=at)
                    check(histories, entities, instant, found)
        finally:
            project.close()


def test_the_check_sees_a_value_that_does_not_expire() -> None:
    """The comparison itself: a value of a moment ago is not taken for that of now."""
    rows = [{"user_id": "u", "event_time": datetime(2024, 1, 1), "amount": 1.0}]
    feature = {
        "name": "f",
        "source": "events",
        "entities": ["user"],
        "metrics": [{"windows": ["1d"], "aggregations": {"amount": ["sum"]}}],
    }
    spec = {
        "entities": [{"name": "user", "join_key": "user_id"}],
        "sources": [{"name": "events", "timestamp": "event_time", "path": served.EVENTS}],
        "features": [feature],
    }
    project = GeneratedProject(spec=spec, rows=rows, schema={})  # type: ignore[arg-type]  # a subset
    history = {"f": History.of(project, feature)}
    end = oracle.microseconds(datetime(2024, 1, 2))
    kept = [{"user_id": "u", "f__amount_sum_1d": 1.0}]
    check(history, [{"user_id": "u"}], end, kept)
    with pytest.raises(AssertionError):
        check(history, [{"user_id": "u"}], end + 1, kept)
