"""Training sets: random labels, joined in both formulations, against the brute-force oracle."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import oracle
import stored_times
import strategies
from examples import examples
from harness import Run, compile_and_run, project_macros, write_parquet, write_project
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from stored_times import PLAIN, StoredTime
from strategies import Document, GeneratedProject
from test_rule_of_time import Tolerance, same

EPOCH = datetime(1970, 1, 1)
DAY = 86_400_000_000
FAR = 400 * DAY
PORTABLE = frozenset({"mlforge_asof_joins"})
TTLS = ("1s", "30m", "1h", "12h", "1d", "7d", "4w")
OWN_NAMES = (
    *("amount_sum_1d", "feature_timestamp", "feature_0", "feature_1", "labels", "history"),
    *("stream", "joined", "select", "mlforge_label", 'say "hi"', "it's", "Café", "amount"),
)
"""Names that the labels may have for columns of their own: features' own, aliases, odd ones."""


def as_datetime(instant: int) -> datetime:
    return EPOCH + timedelta(microseconds=instant)


@dataclass(frozen=True)
class Stored:
    """A way to store a label's time.

    Attributes:
        type: DuckDB type of the column.
        write: The stored value of an instant; it may keep less of it.
        unit: Microseconds that it keeps; what is below is cut off towards the past.
        read: Keys of the column's `timestamp`, besides its name.
        is_source: Whether a source can have it as its timestamp.
        zone: Zone of the local time that is stored.
    """

    type: str
    write: Callable[[int], Any]
    unit: int = 1
    read: Mapping[str, str] | None = None
    is_source: bool = True
    zone: str | None = None

    def instant(self, instant: int) -> int:
        """The instant that a label of ``instant`` has once it is stored."""
        if self.zone is None:
            return instant // self.unit * self.unit
        local = stored_times.shown(as_datetime(instant), self.zone)
        kept = EPOCH + (local - EPOCH) // self.kept * self.kept
        return oracle.microseconds(stored_times.label_instant(kept, self.zone))

    @property
    def kept(self) -> timedelta:
        """What of a time is kept."""
        return timedelta(microseconds=self.unit)


def local(zone: str) -> Callable[[int], datetime]:
    return lambda instant: stored_times.shown(as_datetime(instant), zone)


def local_date(zone: str) -> Callable[[int], Any]:
    return lambda instant: local(zone)(instant).date()


def local_text(zone: str, pattern: str) -> Callable[[int], str]:
    return lambda instant: local(zone)(instant).strftime(pattern)


def in_zone(
    zone: str, kind: str, write: Callable[[int], Any], unit: int = 1, **read: str
) -> Stored:
    """A way to store what the clocks of a zone show."""
    return Stored(
        kind, write, unit, {**read, "timezone": zone}, read != {} or kind != "VARCHAR", zone
    )


def shifted(instant: int, hours: int, text: str) -> str:
    return as_datetime(instant + hours * 3_600_000_000).isoformat() + text


def formatted(pattern: str) -> Callable[[int], str]:
    return lambda instant: as_datetime(instant).strftime(pattern)


def with_nanoseconds(instant: int) -> str:
    return f"{as_datetime(instant).isoformat(sep=' ', timespec='microseconds')}{instant % 1000:03d}"


STORED: dict[str, Stored] = {
    "timestamp": Stored("TIMESTAMP", as_datetime),
    "timestamptz": Stored("TIMESTAMPTZ", lambda t: shifted(t, 0, "+00")),
    "date": Stored("DATE", lambda t: as_datetime(t).date(), unit=DAY),
    "nanoseconds": Stored("TIMESTAMP_NS", with_nanoseconds),
    "iso naive": Stored("VARCHAR", lambda t: shifted(t, 0, ""), is_source=False),
    "iso zulu": Stored("VARCHAR", lambda t: shifted(t, 0, "Z"), is_source=False),
    "iso ahead": Stored("VARCHAR", lambda t: shifted(t, 2, "+02:00"), is_source=False),
    "iso behind": Stored("VARCHAR", lambda t: shifted(t, -11, "-11:00"), is_source=False),
    "text": Stored(
        "VARCHAR", formatted("%d/%m/%Y %H:%M:%S.%f"), read={"format": "%d/%m/%Y %H:%M:%S.%f"}
    ),
    "text of minutes": Stored(
        "VARCHAR",
        formatted("%Y-%m-%dT%H:%M"),
        unit=60_000_000,
        read={"format": "%Y-%m-%dT%H:%M"},
    ),
    "text with zone": Stored(
        "VARCHAR",
        lambda t: formatted("%Y%m%d %H:%M:%S.%f")(t + 3 * 3_600_000_000) + " +03:00",
        read={"format": "%Y%m%d %H:%M:%S.%f %z"},
    ),
    "seconds": Stored("BIGINT", lambda t: t // 1_000_000, unit=1_000_000, read={"unit": "s"}),
    "microseconds": Stored("BIGINT", lambda t: t, read={"unit": "us"}),
    "days": Stored("INTEGER", lambda t: t // DAY, unit=DAY, read={"unit": "d"}),
    "local": in_zone("Europe/Berlin", "TIMESTAMP", local("Europe/Berlin")),
    "local date": in_zone("Pacific/Apia", "DATE", local_date("Pacific/Apia"), DAY),
    "local iso": in_zone(
        "Australia/Lord_Howe", "VARCHAR", local_text("Australia/Lord_Howe", "%Y-%m-%dT%H:%M:%S.%f")
    ),
    "local text": in_zone(
        "America/Chicago",
        "VARCHAR",
        local_text("America/Chicago", "%d/%m/%Y %H:%M:%S.%f"),
        format="%d/%m/%Y %H:%M:%S.%f",
    ),
}


@dataclass(frozen=True)
class LabelTable:
    """Labels: their rows, `row_id` first, and the instant that each id stands for."""

    schema: dict[str, str]
    rows: list[dict[str, Any]]
    instants: dict[int, int | None]


@dataclass(frozen=True)
class Labelled:
    """A project with training sets, and the labels of each."""

    project: GeneratedProject
    labels: dict[str, LabelTable]

    @property
    def features(self) -> dict[str, Document]:
        return {item["name"]: item for item in self.project.spec["features"]}


UNKNOWN: dict[str, Any] = {
    "user_id": "nobody",
    "shop_id": -77,
    "price": Decimal("-4321.00"),
    "kind": "unknown",
    "flag": True,
    "event_time": None,
}
"""An event that nobody has."""

OWN_TYPES = ("VARCHAR", "BIGINT", "STRUCT(amount_sum_1d DOUBLE, row_id BIGINT)")


# What is drawn


@st.composite
def labelled_projects(draw: st.DrawFn, ways: Sequence[StoredTime] = (PLAIN,)) -> Labelled:
    project = draw(strategies.projects(ways))
    chance = random.Random(draw(st.integers(0, 2**64 - 1)))
    for feature in project.spec["features"]:
        if chance.random() < 0.4:
            feature["ttl"] = chance.choice(TTLS)
    labels: dict[str, LabelTable] = {}
    project.spec["training_sets"] = []
    for number in range(3):
        name = f"training_{number}"
        requests = random_requests(project, chance)
        stored = STORED[chance.choice(list(STORED))]
        labels[name] = random_labels(project, requests, stored, chance)
        source, timestamp = label_source(f"labels_{number}", stored, chance)
        project.spec["sources"].append(source)
        training_set = {"name": name, "labels": source["name"], "features": requests}
        project.spec["training_sets"].append(training_set | timestamp)
    return Labelled(project, labels)


def random_requests(project: GeneratedProject, chance: random.Random) -> list[Any]:
    """Some features in some order: whole ones, `name:column`, and some columns of one."""
    features = project.spec["features"]
    requests: list[Any] = []
    for feature in chance.sample(features, chance.randint(1, len(features))):
        names = feature_columns(feature)
        some = chance.sample(names, chance.randint(1, len(names)))
        whole = feature["name"]
        requests.append(
            chance.choice(
                [whole, {"name": whole}, {"name": whole, "columns": some}, f"{whole}:{some[0]}"]
            )
        )
    return requests


def feature_columns(feature: Document) -> list[str]:
    return [item.name for item in strategies.oracle_columns(feature)] or list(feature["select"])


def requested(request: Any, features: Mapping[str, Document]) -> tuple[Document, list[str]]:
    """A feature and the columns that are asked for."""
    if isinstance(request, str):
        name, _, column = request.partition(":")
        return features[name], [column] if column else feature_columns(features[name])
    feature = features[request["name"]]
    return feature, request.get("columns") or feature_columns(feature)


def label_source(
    name: str, stored: Stored, chance: random.Random
) -> tuple[Document, dict[str, Any]]:
    """The source of labels, and what the training set says of its time."""
    time: Any = {"column": "label_time", **(stored.read or {})}
    if not stored.read and chance.random() < 0.5:
        time = "label_time"
    source: Document = {"name": name, "path": f"data/{name}.parquet"}
    if not stored.is_source or chance.random() < 0.3:
        return source | {"timestamp": "loaded_at"}, {"timestamp": time}
    return source | {"timestamp": time}, chance.choice([{}, {"timestamp": "label_time"}])


def random_labels(
    project: GeneratedProject, requests: Sequence[Any], stored: Stored, chance: random.Random
) -> LabelTable:
    features = {item["name"]: item for item in project.spec["features"]}
    histories = [History.of(project, requested(item, features)[0]) for item in requests]
    keys = key_columns(project, histories, chance)
    own = {name: chance.choice(OWN_TYPES) for name in chance.sample(OWN_NAMES, 3)}
    times = {"label_time": stored.type, "loaded_at": "TIMESTAMP"}
    columns = list((keys | own | times).items())
    chance.shuffle(columns)
    schema = {"row_id": "BIGINT", **dict(columns)}
    all_known = chance.random() < 0.9
    rows: list[dict[str, Any]] = []
    instants: dict[int, int | None] = {}
    for row_id in range(chance.choice([0, 1, 12, 40])):
        event = chance.choice(project.rows) if project.rows and all_known else UNKNOWN
        instant = random_instant(event, histories, chance)
        row = {name: random_key(project, name, event, chance) for name in keys}
        row |= {name: own_value(kind, chance) for name, kind in own.items()}
        row |= {"row_id": row_id, "loaded_at": chance.choice([None, EPOCH])}
        row["label_time"] = None if instant is None else stored.write(instant)
        rows += [row] * chance.choice([1, 1, 1, 1, 2, 3])
        instants[row_id] = None if instant is None else stored.instant(instant)
    chance.shuffle(rows)
    return LabelTable(schema, rows, instants)


def key_columns(
    project: GeneratedProject, histories: Sequence[History], chance: random.Random
) -> dict[str, str]:
    """The columns that identify the entities: join keys, or what one of them is computed from."""
    found: dict[str, str] = {}
    for history in histories:
        if history.parts:
            form = chance.choice(["key", "parts", "parts", "both"])
            parts = history.parts if form != "key" else ()
            found |= {name: project.schema[name] for name in parts}
            found |= dict.fromkeys(history.keys if form != "parts" else (), "VARCHAR")
        else:
            found |= {name: project.schema[name] for name in history.keys}
    return found


def random_key(
    project: GeneratedProject, name: str, event: Mapping[str, Any], chance: random.Random
) -> Any:
    """The event's own value, one in so many times another's, a stranger's or none."""
    others = [] if event is UNKNOWN else [*project.rows[:2], UNKNOWN]
    event = chance.choice([*[event] * 9, *others])
    if chance.random() < 0.06:
        return None
    if name in event:
        return event[name]
    entity = next(item for item in project.spec["entities"] if item["join_key"] == name)
    return oracle.surrogate_key([event[part] for part in entity["from_columns"]])


def random_instant(
    event: Mapping[str, Any], histories: Sequence[History], chance: random.Random
) -> int | None:
    """An instant at or beside a change of the entity's values, or far from all of them."""
    history = chance.choice(histories)
    events = history.events.get(history.key(event), [])
    points = [e for e, _ in events] + history.points(events)
    if chance.random() < 0.06:
        return None
    if not points:
        return chance.randint(-FAR, FAR)
    if chance.random() < 0.15:
        return chance.choice([min(points) - FAR, max(points) + FAR, chance.choice(points) + DAY])
    move = chance.choice([0, 0, history.ttl or 0])
    return chance.choice(points) + move + chance.choice([-1, 0, 1])


def own_value(kind: str, chance: random.Random) -> Any:
    values = {"BIGINT": 7, "VARCHAR": "own"}
    return chance.choice([None, values.get(kind, {"amount_sum_1d": 1.5, "row_id": 1})])


# What is expected


@dataclass(frozen=True)
class History:
    """The events of a feature, by entity, and when its values change.

    Attributes:
        feature: The feature, as it was drawn.
        keys: Its join keys.
        parts: The columns that its join key is computed from.
        events: Its events by entity.
        columns: Its columns; none for a latest feature.
        clock: When its values may change.
        delay: Delay of its source.
        ttl: How old a row may be.
    """

    feature: Document
    keys: tuple[str, ...]
    parts: tuple[str, ...]
    events: dict[oracle.Key, list[oracle.Event]]
    columns: list[oracle.Column]
    clock: oracle.Clock
    delay: int
    ttl: int | None

    @classmethod
    def of(cls, project: GeneratedProject, feature: Document) -> History:
        entity = strategies.feature_entity(project, feature)
        return cls(
            feature,
            tuple(strategies.join_keys(entity)),
            tuple(entity.get("from_columns", ())),
            strategies.oracle_events(project, feature),
            strategies.oracle_columns(feature),
            strategies.oracle_clock(feature),
            strategies.oracle_delay(project),
            strategies.duration_us(feature["ttl"]) if "ttl" in feature else None,
        )

    def key(self, row: Mapping[str, Any]) -> oracle.Key:
        """The entity of an event or of a label."""
        if self.parts and self.keys[0] not in row:
            return (oracle.surrogate_key([row[name] for name in self.parts]),)
        return tuple(row[name] for name in self.keys)

    def points(self, events: Sequence[oracle.Event]) -> list[int]:
        """The instants at which values of these events may change."""
        return oracle.change_points(self.columns, events, self.clock, self.delay)

    def events_of(self, label: Mapping[str, Any], instant: int | None) -> list[oracle.Event]:
        """The events that count for a label: none without a key or a time, or when all are too old."""
        events = self.events.get(self.key(label), [])
        if instant is None:
            return []
        since = [point for point in self.points(events) if point <= instant]
        if self.ttl is not None and since and instant - since[-1] > self.ttl:
            return []
        return events

    def check(
        self, columns: Sequence[str], label: Mapping[str, Any], instant: int | None, row: Document
    ) -> None:
        """Compare the columns of a row of the training set with what the oracle says."""
        events = self.events_of(label, instant)
        values = {name: row[f"{self.feature['name']}__{name}"] for name in columns}
        context = (self.feature, label, instant)
        if not self.columns:
            assert values == self.latest(columns, events, instant), context
        for column in self.columns:
            if column.name in values:
                expected = oracle.value_at(column, events, self.clock, self.delay, instant or 0)
                allowed = Tolerance.of(column, events)
                actual = values[column.name]
                assert same(column, actual, expected, allowed), (context, actual, expected)

    def latest(
        self, columns: Sequence[str], events: Sequence[oracle.Event], instant: int | None
    ) -> dict[str, Any]:
        """The values of the last event; NULLs where there is none."""
        found = oracle.latest_at(
            {name: self.feature["select"][name] for name in columns},
            events,
            self.clock,
            self.delay,
            instant or 0,
            tuple(self.feature.get("tie_breaker", ())),
            strategies.oracle_remaining(self.feature),
        )
        return dict.fromkeys(columns) if found is None else found


# The checks


def build(drawn: Labelled, root: Path) -> Run:
    """Compile the project and run it, its training sets in the native formulation."""
    write_project(root, drawn.project.spec)
    write_parquet(
        root / "data" / "events.parquet", drawn.project.file_schema, drawn.project.file_rows
    )
    for item in drawn.project.spec["training_sets"]:
        labels = drawn.labels[item["name"]]
        write_parquet(root / "data" / f"{item['labels']}.parquet", labels.schema, labels.rows)
    return compile_and_run(root)


def build_portable(run: Run, root: Path, name: str) -> str:
    """Run a training set once more, in its portable formulation; the name of the table."""
    macros = project_macros(run.compiled, root, portable=PORTABLE)
    path = next(item for item in run.compiled.files if item.name == f"{name}.sql")
    sql = macros.render(run.compiled.files[path])
    assert "asof" not in sql
    run.connection.execute(f'create table "{name}_portable" as\n{sql}')
    return f"{name}_portable"


def columns_of(run: Run, table: str) -> list[tuple[Any, ...]]:
    """Names and types."""
    return run.connection.execute(f'select * from "{table}" limit 0').description or []


def check_rows(run: Run, table: str, expected: str, columns: int) -> None:
    """Both tables have the same rows, as multisets, in so many first columns."""
    names = ", ".join(quoted(item[0]) for item in columns_of(run, expected)[:columns])
    both = [f'select {names} from "{name}"' for name in (table, expected)]
    for first, second in (both, both[::-1]):
        assert not run.connection.execute(f"{first} except all {second}").fetchall()


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def check_training_set(run: Run, drawn: Labelled, training_set: Document, table: str) -> None:
    labels = drawn.labels[training_set["name"]]
    wanted = [requested(item, drawn.features) for item in training_set["features"]]
    joined = [f"{feature['name']}__{name}" for feature, names in wanted for name in names]
    assert [item[0] for item in columns_of(run, table)] == [*labels.schema, *joined]
    staged = f"int_{training_set['name']}__labels"
    assert columns_of(run, table)[: len(labels.schema)] == columns_of(run, staged)
    check_rows(run, table, staged, len(labels.schema))
    picked = ", ".join(["row_id", *map(quoted, joined)])
    found = run.connection.execute(f'select {picked} from "{table}"').fetchall()
    assert Counter(row[0] for row in found) == Counter(row["row_id"] for row in labels.rows)
    by_id = {row["row_id"]: row for row in labels.rows}
    histories = [(History.of(drawn.project, feature), names) for feature, names in wanted]
    for values in found:
        row = dict(zip(["row_id", *joined], values, strict=True))
        for history, names in histories:
            history.check(names, by_id[row["row_id"]], labels.instants[row["row_id"]], row)


def exact(run: Run, table: str) -> list[str]:
    """Every row, its floats to the last bit."""
    return sorted(map(repr, run.connection.execute(f'select * from "{table}"').fetchall()))


@settings(
    max_examples=examples(__file__),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],  # an example costs a compile: shrinking takes minutes
)
@given(labelled_projects(stored_times.ALL))
def test_training_sets_equal_the_oracle(drawn: Labelled) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        run = build(drawn, root)
        for training_set in drawn.project.spec["training_sets"]:
            name = training_set["name"]
            check_training_set(run, drawn, training_set, name)
            portable = build_portable(run, root, name)
            check_training_set(run, drawn, training_set, portable)
            assert columns_of(run, portable) == columns_of(run, name)
            assert exact(run, portable) == exact(run, name)
        run.connection.close()
