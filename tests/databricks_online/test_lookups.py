"""Lookups over current and later rows in a real Postgres, against a loop over the rows."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from databricks_online.lakebase import NamesPostgres, address, feature, fill, instant, lookup
from mlforge_sql.errors import OnlineError, plain
from mlforge_sql.online.databricks.lakebase import LakebaseAddress
from mlforge_sql.online.databricks.reading import LakebaseReader, PastHorizonError
from mlforge_sql.online.databricks.statements import lookup_sql
from mlforge_sql.online.model import Served, utc_now
from mlforge_sql.online.postgres.pool import Pool

if TYPE_CHECKING:
    from postgres_server import PostgresServer

COLUMNS = {"x": "double", "n": "bigint", "t": "timestamp"}
FAR = 10_000_000
"""Minutes after the start that are in the future, for instants that may not be in the past."""


class Store:
    """A Postgres database that is read with short-lived passwords."""

    def __init__(self, server: PostgresServer, seconds: float = 3600.0) -> None:
        self.dsn = server.create_database()
        self.api = NamesPostgres(server, seconds)
        self.address: LakebaseAddress = address(self.api, self.dsn.rpartition("/")[2])
        self.pool = Pool(self.address, 4)

    def put(
        self, item: Served, current: Any, upcoming: Any = (), until: datetime | None = None
    ) -> None:
        fill(self.dsn, f"{item.name}_current", item, current, later=False)
        fill(self.dsn, f"{item.name}_upcoming", item, upcoming, later=True, until=until)

    def reader(self, *features: Served, ahead: tuple[str, ...] = ("f",)) -> LakebaseReader:
        return LakebaseReader(
            lookup(*features), set(ahead), self.pool, self.address, "online", "live"
        )


@pytest.fixture
def store(postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("PGPORT", str(postgres_server.port))
    found = Store(postgres_server)
    yield found
    found.pool.close()


def history(chance: random.Random) -> dict[str, list[tuple[datetime, Any, int, datetime | None]]]:
    """Step functions of some entities: rows at different minutes from FAR on, values with NULLs."""
    rows = {}
    for number in range(chance.randrange(1, 6)):
        minutes = sorted(chance.sample(range(40), chance.randrange(0, 12)))
        rows[f"e{number}"] = [
            (
                instant(FAR + minute),
                chance.choice([None, chance.random(), float("nan"), float("inf")]),
                chance.randrange(5),
                chance.choice([None, instant(minute)]),
            )
            for minute in minutes
        ]
    return rows


def same(one: Any, other: Any) -> bool:
    return bool(one == other) or (one != one and other != other)  # noqa: PLR0124 - NaN


@pytest.mark.parametrize("seed", range(12))
def test_values_change_on_time_between_syncs(store: Store, seed: int) -> None:
    """Build once; at every instant after it the lookup is the last row that has begun."""
    chance = random.Random(seed)
    rows = history(chance)
    ttl = timedelta(minutes=7) if seed % 3 == 0 else None
    item = feature(columns=COLUMNS, zero=("n",), ttl="7m" if ttl else None)
    as_of = instant(FAR + chance.randrange(40))
    held = {
        key: max((row for row in found if row[0] <= as_of), key=lambda row: row[0], default=None)
        for key, found in rows.items()
    }
    current = [(key, *row) for key, row in held.items() if row is not None]
    upcoming = [(key, *row) for key, found in rows.items() for row in found if row[0] > as_of]
    store.put(item, current, upcoming)
    reader = store.reader(item)
    keys: list[tuple[Any, ...]] = [(key,) for key in (*rows, "unknown", None)]
    moments = [as_of, as_of + timedelta(microseconds=1)]
    moments += [
        row[0] + timedelta(microseconds=step)
        for found in rows.values()
        for row in found
        for step in (-1, 0, 1)
    ]
    for at in (moment for moment in moments if moment >= as_of):
        for asked in (keys, [chance.choice(keys)]):
            found = reader.read(asked, at)
            for (key,), (x, n, t) in zip(asked, found, strict=True):
                begun = [row for row in rows.get(key, []) if row[0] <= at]
                last = max(begun, key=lambda row: row[0], default=None)
                if last is not None and ttl is not None and last[0] < at - ttl:
                    last = None
                wanted = last[1:] if last else (None, 0, None)
                assert same(x, wanted[0]), (key, at)
                assert (n, t) == wanted[1:], (key, at)


def test_several_features_in_one_statement(store: Store) -> None:
    one = feature("f", {"id": "string"}, {"x": "double"})
    two = feature("g", {"shop": "bigint", "id": "string"}, {"n": "bigint"}, zero=("n",))
    three = feature(
        "h", {"day": "date"}, {"d": "decimal(10,2)", "b": "boolean"}, defaults={"b": True}
    )
    store.put(one, [("a", instant(0), 1.5)], [("a", instant(10), 2.5)])
    store.put(two, [(7, "a", instant(0), 3)])
    store.put(three, [(date(2026, 1, 1), instant(0), Decimal("1.25"), False)])
    reader = store.reader(one, two, three)
    keys = [("a", 7, date(2026, 1, 1)), ("a", 8, None), (None, None, None)]
    rows = reader.read(keys, instant(10))
    assert rows == [
        (2.5, 3, Decimal("1.25"), False),
        (2.5, 0, None, True),
        (None, 0, None, True),
    ]
    assert reader.read(keys[:1], instant(9))[0][:2] == (1.5, 3)
    assert reader.read([], instant(9)) == []


def test_the_current_row_wins_over_a_later_one_of_the_same_instant(store: Store) -> None:
    """A build that is half synced: what was to come is already what is."""
    item = feature()
    store.put(item, [("a", instant(5), 2.0)], [("a", instant(5), 1.0)])
    assert store.reader(item).read([("a",)], instant(6))[0][0] == 2.0


def test_instants_before_the_build(store: Store) -> None:
    item = feature()
    store.put(item, [("a", instant(60), 1.0), ("b", instant(0), 2.0)], [])
    reader = store.reader(item)
    assert reader.read([("b",)], instant(30))[0][0] == 2.0, "its row held then, too"
    assert reader.read([("unknown",)], instant(30))[0][0] is None
    with pytest.raises(OnlineError) as refused:
        reader.read([("b",), ("a",)], instant(30))
    assert plain(refused.value.diagnostics[0]) == (
        "error[MF088]: the online store holds no values of 2026-01-01 00:30:00, only later ones; "
        "ask for an instant after the last build; `get_training_data` has every instant"
    )


def test_a_clock_that_is_behind_finds_the_current_row(store: Store) -> None:
    item = feature()
    now = utc_now()
    store.put(item, [("a", now + timedelta(seconds=30), 1.0)], [])
    assert store.reader(item).read([("a",)], now)[0][0] == 1.0


@pytest.mark.parametrize(
    "text",
    ["'; drop table online.f_current; --", 'a"b', "a'b", "\\", "a\0b", "é😀", "", "%s $1 {x}"],
)
def test_keys_are_parameters(store: Store, text: str) -> None:
    item = feature()
    known = text if "\0" not in text else "other"
    store.put(item, [(known, instant(0), 1.0)], [])
    reader = store.reader(item)
    wanted = 1.0 if known == text else None
    assert reader.read([(text,)], instant(1))[0][0] == wanted
    assert [row[0] for row in reader.read([(text,), ("b",)], instant(1))] == [wanted, None]
    assert text not in lookup_sql(lookup(item), [item], {"f"}, "online", single=True) or not text


def test_strange_names(store: Store) -> None:
    item = feature("f", {'k"; --': "string"}, {'x"y': "double", "select": "bigint", "$1": "double"})
    store.put(item, [("a", instant(0), 1.0, 2, 3.0)], [("a", instant(5), 4.0, 5, 6.0)])
    assert store.reader(item).read([("a",)], instant(6))[0][:3] == (4.0, 5, 6.0)


def test_many_columns_are_read_in_parts(store: Store) -> None:
    names = [f"c{number}" for number in range(900)]
    items = [feature(name, columns=dict.fromkeys(names, "bigint")) for name in ("f", "g")]
    for item in items:
        store.put(item, [("a", instant(0), *range(900))], [])
    rows = store.reader(*items).read([("a",), ("b",)], instant(1))
    assert rows == [(*range(900), *range(900)), (None,) * 1800]


# How far a build reaches


def test_values_past_the_horizon_are_refused(store: Store) -> None:
    item = feature()
    store.put(item, [("a", instant(0), 1.0)], [("a", instant(10), 2.0)], until=instant(60))
    reader = store.reader(item)
    assert [reader.read([("a",)], instant(at))[0] for at in (9, 10, 60)] == [(1.0,), (2.0,), (2.0,)]
    for keys in ([("a",)], [("a",), ("unknown",)]):
        with pytest.raises(PastHorizonError) as refused:
            reader.read(keys, instant(60) + timedelta(microseconds=1))
        assert plain(refused.value.diagnostics[0]) == (
            "error[MF123]: the online tables of profile `live` have values until 2026-01-01 01:00:00 UTC, and "
            "2026-01-01 01:00:00.000001 is later; run `mlforge build --profile live`; how far a build reaches is "
            "`horizon` of the online store, and `past_horizon: warehouse` reads the feature tables then"
        )
    assert reader.read([], instant(90)) == []


def test_a_table_that_does_not_say_how_far_it_reaches(store: Store) -> None:
    """Its row of no entity is gone: what is there may be old, so it is no answer."""
    one, two = feature("f"), feature("g")
    for item in (one, two):
        store.put(item, [("a", instant(0), 1.0)], [("a", instant(10), 2.0)])
    with psycopg.connect(store.dsn, autocommit=True) as connection:
        connection.execute("delete from online.g_upcoming where id = ''")
    assert store.reader(one).read([("a",)], instant(1)) == [(1.0,)]
    for at in (1, FAR):
        with pytest.raises(PastHorizonError) as refused:
            store.reader(one, two, ahead=("f", "g")).read([("a",)], instant(at))
        assert "do not say until when they have values" in plain(refused.value.diagnostics[0])


def test_the_shortest_of_several_horizons_decides(store: Store) -> None:
    keys = {"day": "date", "n": "bigint", "yes": "boolean", "d": "decimal(10,0)"}
    one, two, three = feature("f"), feature("g", keys), feature("h")
    store.put(one, [("a", instant(0), 1.0)], until=instant(60))
    entity = (date(9999, 1, 1), 0, False, Decimal(0))
    store.put(two, [(*entity, instant(0), 2.0)], [(*entity, instant(9), 3.0)], instant(30))
    store.put(three, [("a", instant(0), 4.0)], until=instant(5))
    reader = store.reader(one, two, three, ahead=("f", "g"))
    assert reader.read([("a", *entity)], instant(30)) == [(1.0, 3.0, 4.0)]
    with pytest.raises(PastHorizonError):
        reader.read([("a", *entity)], instant(31))
    assert store.reader(three, ahead=()).read([("a",)], instant(31)) == [(4.0,)]


# Passwords


def test_a_password_is_renewed_before_it_ends(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = feature()
    store.put(item, [("a", instant(0), 1.0)], [])
    start = utc_now()
    reader = store.reader(item)
    for minutes, given in ((0, 1), (30, 1), (54, 1), (56, 2), (59, 3)):
        monkeypatch.setattr(store.address, "now", lambda at=minutes: start + timedelta(minutes=at))
        store.pool.close()
        assert reader.read([("a",)], instant(1))[0][0] == 1.0
        assert len(store.api.given) == given, minutes


def test_one_that_ended_before_its_time_is_asked_for_again(store: Store) -> None:
    """Another process has got one, and the first is of no use any more."""
    item = feature()
    store.put(item, [("a", instant(0), 1.0)], [])
    reader = store.reader(item)
    assert reader.read([("a",)], instant(1))[0][0] == 1.0
    store.api.credential("store")
    assert reader.read([("a",)], instant(1))[0][0] == 1.0, "an open connection stays good"
    store.pool.close()
    assert reader.read([("a",)], instant(1))[0][0] == 1.0
    assert len(store.api.given) == 3


def test_short_lived_passwords_are_renewed_half_way(postgres_server: PostgresServer) -> None:
    api = NamesPostgres(postgres_server, seconds=60)
    found = address(api, "postgres")
    first = found.parameters["password"]
    later = found.now() + timedelta(seconds=31)
    found.now = lambda: later
    assert found.parameters["password"] != first


def test_what_a_connection_is_made_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another machine is reached encrypted, whatever the environment says."""

    class Far:
        def host(self, _store: str) -> str:
            return "instance-1.database.cloud.databricks.com"

        def user(self) -> str:
            return "me@example.com"

        def credential(self, _store: str) -> Any:
            from mlforge_sql.online.databricks.api import Credential

            return Credential("hush", datetime(2100, 1, 1))

    for given, wanted in (
        (None, "require"),
        ("disable", "require"),
        ("verify-full", "verify-full"),
    ):
        if given is None:
            monkeypatch.delenv("PGSSLMODE", raising=False)
        else:
            monkeypatch.setenv("PGSSLMODE", given)
        far = LakebaseAddress(Far(), "store", lambda: "main", 7)  # type: ignore[arg-type]  # the calls it needs
        found = far.parameters
        assert found["sslmode"] == wanted
        assert (found["user"], found["dbname"], found["connect_timeout"]) == (
            "me@example.com",
            "main",
            7,
        )
        assert found["password"] == "hush"
        assert "hush" not in repr(far)
        assert far.place == "instance-1.database.cloud.databricks.com/main"
        assert far.scrubbed("the password hush") == "the password ***"


# What can go wrong


def refusal(reader: LakebaseReader) -> str:
    with pytest.raises(OnlineError) as refused:
        reader.read([("a",)], instant(1))
    assert refused.value.__cause__ is None
    return plain(refused.value.diagnostics[0])


def test_a_table_that_is_not_there(store: Store) -> None:
    item = feature()
    said = refusal(store.reader(item))
    assert said.startswith(
        "error[MF082]: `f_current`, `f_upcoming` in schema `online`: not there, or not of this "
        'definition: relation "online.f_current" does not exist'
    )
    assert "run `mlforge build --profile live`" in said
    store.put(item, [("a", instant(0), 1.0)], [])
    changed = feature(columns={"y": "double"})
    assert "column history.y does not exist" in refusal(store.reader(changed))


def test_a_role_that_may_not_read(store: Store) -> None:
    item = feature()
    store.put(item, [("a", instant(0), 1.0)], [])
    with psycopg.connect(store.dsn, autocommit=True) as connection:
        connection.execute("revoke select on online.f_current from public")
    assert refusal(store.reader(item)).startswith("error[MF083]: the role may not read schema")


def test_a_server_that_does_not_answer(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "1")
    said = refusal(store.reader(feature()))
    assert said.startswith("error[MF081]: the online store of profile `live` cannot be reached")
    assert not any(password in said for password in store.api.given)
