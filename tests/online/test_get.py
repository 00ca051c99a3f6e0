"""Lookups: any kind of entities in, the same kind out, wrong ones named; both stores alike."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import served
from harness import write_parquet, write_project
from purchases import ROWS, SCHEMA, START

import mlforge_sql as mlf
from mlforge_sql.api.project import LoadedProject
from mlforge_sql.errors import RetrievalError
from online.conftest import AS_OF
from online.conftest import FEATURES as SPEC

FEATURES: list[Any] = ["spend", "shop_spend:amount_max_2d", mlf.FeatureSpec("last")]
COLUMNS = [
    "spend__amount_sum_1d",
    "spend__amount_sum_7d",
    "spend__amount_count_1d",
    "spend__amount_count_7d",
    "shop_spend__amount_max_2d",
    "last__amount",
    "last__where_",
]
EMPTY = dict(zip(COLUMNS, [None, None, 0, 0, -1.0, None, None], strict=True))
AT = datetime(2024, 1, 5, 12)
BORN = START.date()
ENTITIES: list[dict[str, Any]] = [
    {"note": "a", "first_name": "name 1", "born": BORN, "shop_id": 1},
    {"note": "b", "first_name": "nobody", "born": BORN, "shop_id": -5},
    {"note": "c", "first_name": None, "born": None, "shop_id": None},
    {"note": "d", "first_name": "name 2", "born": BORN, "shop_id": 0},
    {"note": "a", "first_name": "name 1", "born": BORN, "shop_id": 1},
]


@pytest.fixture(params=["pg", "dev"])
def profile(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def expected(synced: LoadedProject) -> list[dict[str, Any]]:
    """What a training set has for a label at the instant, NULL keys and all."""
    labels = pa.Table.from_pylist([{**item, "taken": AT} for item in ENTITIES])
    table = synced.get_training_data(FEATURES, labels, "taken", "dev", output="pyarrow")
    rows: list[dict[str, Any]] = table.drop_columns(["taken"]).to_pylist()
    assert rows[0]["spend__amount_count_7d"] == 5
    assert rows[1] == {**ENTITIES[1], **EMPTY}
    assert rows[2] == {**ENTITIES[2], **EMPTY}
    return rows


def problem(call: Any) -> str:
    with pytest.raises(RetrievalError) as caught:
        call()
    return str(caught.value)


# The same kind back


def test_a_mapping(synced: LoadedProject, profile: str, expected: list[dict[str, Any]]) -> None:
    for entity, row in zip(ENTITIES, expected, strict=True):
        found = synced.get_online_features(FEATURES, entity, profile, at=AT)
        assert found == row
        assert list(found) == [*entity, *COLUMNS]


def test_a_list_and_a_tuple(
    synced: LoadedProject, profile: str, expected: list[dict[str, Any]]
) -> None:
    assert synced.get_online_features(FEATURES, ENTITIES, profile, at=AT) == expected
    found = synced.get_online_features(FEATURES, tuple(ENTITIES), profile, at=AT)
    assert found == tuple(expected)
    assert synced.get_online_features(FEATURES, [], profile, at=AT) == []


def test_frames(synced: LoadedProject, profile: str, expected: list[dict[str, Any]]) -> None:
    arrow = pa.Table.from_pylist(ENTITIES)
    want = synced.get_training_data(
        FEATURES, arrow.append_column("taken", pa.array([AT] * 5)), "taken", "dev"
    ).drop_columns(["taken"])
    found = synced.get_online_features(FEATURES, arrow, profile, at=AT)
    assert found.to_pylist() == expected
    assert found.schema == want.schema
    polars = synced.get_online_features(FEATURES, pl.from_arrow(arrow), profile, at=AT)
    assert isinstance(polars, pl.DataFrame)
    assert polars.to_dicts() == expected
    lazy = synced.get_online_features(FEATURES, pl.from_arrow(arrow).lazy(), profile, at=AT)
    assert isinstance(lazy, pl.LazyFrame)
    assert lazy.collect().to_dicts() == expected


def test_pandas_keeps_its_index_and_columns(synced: LoadedProject, profile: str) -> None:
    frame = pd.DataFrame(
        {"odd": [{1}, {2}], "shop_id": [1, 0]}, index=pd.Index(["x", "y"], name="id")
    )
    found = synced.get_online_features("shop_spend", frame, profile, at=AT)
    assert list(found.index) == ["x", "y"]
    assert list(found["odd"]) == [{1}, {2}]
    labels = frame[["shop_id"]].assign(taken=AT)
    true = synced.get_training_data("shop_spend", labels, "taken", "dev")
    assert found["shop_spend__amount_max_2d"].equals(true["shop_spend__amount_max_2d"])
    assert found["shop_spend__shop_id_sum_2d"].dtype == true["shop_spend__shop_id_sum_2d"].dtype


def test_an_empty_frame_has_the_columns(synced: LoadedProject, profile: str) -> None:
    frame = pa.table({"shop_id": pa.array([], pa.int64())})
    found = synced.get_online_features("shop_spend", frame, profile, at=AT)
    assert found.num_rows == 0
    assert found.schema.names[1:] == ["shop_spend__amount_max_2d", "shop_spend__shop_id_sum_2d"]


def test_many_entities_in_order(synced: LoadedProject) -> None:
    many = [{"shop_id": number % 3, "n": number} for number in range(25_000)]
    found = synced.get_online_features("shop_spend", many, "pg", at=AT)
    assert [row["n"] for row in found] == list(range(25_000))
    by_shop = {row["shop_id"]: row["shop_spend__amount_max_2d"] for row in found[:3]}
    assert all(row["shop_spend__amount_max_2d"] == by_shop[row["shop_id"]] for row in found)


# Keys


def test_computed_keys_and_their_columns(synced: LoadedProject, profile: str) -> None:
    key = mlf.surrogate_key("name 1", BORN)
    by_key = synced.get_online_features("spend", {"user_id": key}, profile, at=AT)
    by_parts = synced.get_online_features(
        "spend", {"FIRST_NAME": "name 1", "Born": BORN}, profile, at=AT
    )
    assert by_key["spend__amount_sum_7d"] == by_parts["spend__amount_sum_7d"] is not None
    both = {"user_id": key, "first_name": "somebody else", "born": BORN}
    found = synced.get_online_features("spend", both, profile, at=AT)
    assert found["spend__amount_sum_7d"] == by_key["spend__amount_sum_7d"]  # the key wins


@pytest.mark.parametrize("value", [np.int64(1), np.int8(1), np.array([1])[0], True - 0], ids=repr)
def test_integers_of_other_makes(synced: LoadedProject, profile: str, value: Any) -> None:
    found = synced.get_online_features("shop_spend", {"shop_id": value}, profile, at=AT)
    assert found["shop_spend__amount_max_2d"] > 0


@pytest.mark.parametrize("value", [None, pd.NA, pd.NaT, 2**63, -(2**70)])
def test_unknown_and_impossible_keys_are_empty(
    synced: LoadedProject, profile: str, value: Any
) -> None:
    found = synced.get_online_features("shop_spend", {"shop_id": value}, profile, at=AT)
    assert found["shop_spend__amount_max_2d"] == -1.0


@pytest.mark.parametrize(
    ("entity", "text"),
    [
        ({"shop_id": "1"}, "`shop_id` is a str, the feature's is bigint; it must be an int"),
        ({"shop_id": 1.0}, "`shop_id` is a float, the feature's is bigint; it must be an int"),
        ({"shop_id": True}, "`shop_id` is a bool, the feature's is bigint; it must be an int"),
        ({"shop_id": float("nan")}, "`shop_id` is NaN, the feature's is bigint; use None"),
        ({"shop_id": Decimal(1)}, "`shop_id` is a Decimal, the feature's is bigint"),
    ],
)
def test_values_of_another_type(
    synced: LoadedProject, profile: str, entity: dict[str, Any], text: str
) -> None:
    said = problem(lambda: synced.get_online_features("shop_spend", entity, profile))
    assert said.startswith(f"error[MF085]: {text}")
    assert said.endswith("keys of different types are never silently converted")
    said = problem(
        lambda: synced.get_online_features("shop_spend", [{"shop_id": 1}, entity], profile)
    )
    assert "(entity 2)" in said


def test_parts_of_another_type(synced: LoadedProject) -> None:
    entity = {"first_name": "name 1", "born": datetime(2024, 1, 1)}
    said = problem(lambda: synced.get_online_features("spend", entity, "pg"))
    assert "`born` is a datetime, the feature's is date; it must be a date" in said
    entity = {"first_name": "\ud800", "born": BORN}  # half of a pair
    said = problem(lambda: synced.get_online_features("spend", entity, "pg"))
    assert said.startswith("error[MF085]: `first_name` has half of a surrogate pair")


def test_missing_keys(synced: LoadedProject, profile: str) -> None:
    def said(entity: Any) -> str:
        return problem(lambda: synced.get_online_features("spend", entity, profile))

    assert said({"usr_id": "x"}) == (
        "error[MF084]: the entity has no `user_id`, a key of feature `spend`, nor `first_name` and "
        "`born` to compute it from; `usr_id` is no key of these features; did you mean `user_id`?"
    )
    assert said({"shop": 1}).endswith("to compute it from; give each entity `user_id`")
    assert said({"first_name": "x", "bron": 1}).endswith(
        "`bron` is no key of these features; did you mean `born`?"
    )
    assert said({"first_name": "x"}).startswith(
        "error[MF084]: the entity has no `user_id`, a key of feature `spend`, nor `born` to compute "
        "it from"
    )
    assert "(entity 2)" in said([{"user_id": "x"}, {"shop": 1}])
    assert "the entity has no `user_id`" in said(pd.DataFrame({"shop": [1]}))


@pytest.mark.usefixtures("dsn")
def test_the_salt_of_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {**served.config(), "surrogate_key_salt_env": "SALT"}
    monkeypatch.setenv("SALT", "pepper")
    write_project(tmp_path, SPEC, settings)
    write_parquet(tmp_path / served.EVENTS, SCHEMA, ROWS)
    served.rebuild(tmp_path, "run", AT, {"SALT": "pepper"})
    project = mlf.load_project(tmp_path)
    served.sync(project, AS_OF)
    entity = {"first_name": "name 1", "born": BORN}
    for profile in ("pg", "dev"):
        assert (
            project.get_online_features("spend", entity, profile, at=AT)["spend__amount_count_7d"]
            == 5
        )
    key = {"user_id": mlf.surrogate_key("name 1", BORN, salt="pepper")}
    assert project.get_online_features("spend", key, "pg", at=AT)["spend__amount_count_7d"] == 5
    project.close()
    monkeypatch.delenv("SALT")
    assert project.get_online_features("spend", key, "dev", at=AT)  # not asked for
    said = problem(lambda: project.get_online_features("spend", entity, "dev"))
    assert said == (
        "error[MF080]: the environment variable `SALT`, the salt of surrogate keys, is not set; "
        "set it to the value that the features were built with"
    )
    project.close()


# What is asked for


def test_forms_of_features(synced: LoadedProject, profile: str) -> None:
    def names(features: Any) -> list[str]:
        found = synced.get_online_features(features, {"shop_id": 1, "user_id": "x"}, profile, at=AT)
        return list(found)[2:]

    assert names("spend:amount_sum_1d") == ["spend__amount_sum_1d"]
    assert names(mlf.FeatureSpec("last", columns=["where_"])) == ["last__where_"]
    assert names(["last", "spend:amount_sum_7d", "spend:amount_sum_1d"]) == [
        "last__amount",
        "last__where_",
        "spend__amount_sum_7d",
        "spend__amount_sum_1d",
    ]
    feature = synced.serving.chosen(["last"])[0].spec
    assert names([feature]) == ["last__amount", "last__where_"]
    assert names(("spend:amount_sum_1d",)) == ["spend__amount_sum_1d"]


def test_unknown_features_and_profiles(synced: LoadedProject, profile: str) -> None:
    entity = {"shop_id": 1}
    assert problem(lambda: synced.get_online_features("shop_spent", entity, profile)) == (
        "error[MF051]: unknown feature `shop_spent`; did you mean `shop_spend`?"
    )
    assert "[MF022]" in problem(
        lambda: synced.get_online_features("shop_spend:nothing", entity, profile)
    )
    assert "[MF051]" in problem(lambda: synced.get_online_features([], entity, profile))
    with pytest.raises(mlf.SpecErrors, match="unknown profile"):
        synced.get_online_features("shop_spend", entity, "prod")


@pytest.mark.parametrize("entities", [None, "u1", 7, {1, 2}, b"x", object(), iter([])])
def test_what_entities_cannot_be(synced: LoadedProject, entities: Any) -> None:
    said = problem(lambda: synced.get_online_features("shop_spend", entities, "pg"))
    assert "entities cannot be a " in said
    assert "frame" in said


def test_lists_of_something_else(synced: LoadedProject) -> None:
    said = problem(lambda: synced.get_online_features("shop_spend", [{"shop_id": 1}, 5], "pg"))
    assert said.startswith("error[MF084]: entity 2 is a int, not a mapping")


def test_columns_with_the_name_of_a_value(synced: LoadedProject, profile: str) -> None:
    entity = {"shop_id": 1, "shop_spend__amount_max_2d": 0}
    for given in (entity, [entity], pd.DataFrame([entity])):
        said = problem(lambda given=given: synced.get_online_features("shop_spend", given, profile))
        assert "error[MF062]: the entities have a column `shop_spend__amount_max_2d`" in said


# Instants


def test_instants_in_any_zone(synced: LoadedProject, profile: str) -> None:
    def found(at: datetime) -> Any:
        return synced.get_online_features("spend", ENTITIES[0], profile, at=at)

    east = timezone(timedelta(hours=5, minutes=45))
    utc = AT.replace(tzinfo=UTC)
    assert found(AT) == found(utc) == found(utc.astimezone(east))
    midnight = datetime(2024, 1, 5, tzinfo=east)  # the evening before, in UTC
    assert found(midnight) == found(datetime(2024, 1, 4, 18, 15))
    assert found(midnight) != found(datetime(2024, 1, 5))


def test_now_is_the_default(synced: LoadedProject, profile: str) -> None:
    found = synced.get_online_features(FEATURES, ENTITIES[0], profile)
    assert found == {**ENTITIES[0], **EMPTY}  # years after the last event


def test_instants_before_the_sync_are_refused(synced: LoadedProject) -> None:
    early = AS_OF - timedelta(minutes=6)
    said = problem(lambda: synced.get_online_features("spend", ENTITIES[0], "pg", at=early))
    assert said == (
        "error[MF088]: the online store holds no values of 2024-01-02 23:54:00, only later ones; "
        "ask for 2024-01-02 23:55:00 or later, in UTC; `get_training_data` has every instant"
    )
    assert synced.get_online_features("spend", ENTITIES[0], "dev", at=early)
    margin = AS_OF - timedelta(minutes=5)
    both = [
        synced.get_online_features(FEATURES, ENTITIES, profile, at=margin)
        for profile in ("pg", "dev")
    ]
    assert both[0] == both[1]


# Not there yet


def test_a_store_that_is_not_synced(project: LoadedProject) -> None:
    said = problem(lambda: project.get_online_features(["spend", "last"], ENTITIES[0], "pg"))
    assert said == (
        "error[MF082]: feature `spend` is not in the online store of profile `pg` yet; "
        "run `mlforge online sync --profile pg`\n"
        "error[MF082]: feature `last` is not in the online store of profile `pg` yet; "
        "run `mlforge online sync --profile pg`"
    )
    served.sync(project, AS_OF)
    assert project.get_online_features("spend", ENTITIES[0], "pg", at=AT)


def test_a_local_store_that_is_not_built(tmp_path: Path) -> None:
    write_project(tmp_path, SPEC, served.config())
    write_parquet(tmp_path / served.EVENTS, SCHEMA, ROWS)
    project = mlf.load_project(tmp_path)
    said = problem(lambda: project.get_online_features("spend", ENTITIES[0]))
    assert said.startswith("error[MF064]: profile `dev` has no `features.duckdb` yet")


# Definitions


def test_definitions_read_the_project_once(synced: LoadedProject, built: Path) -> None:
    group = mlf.Definitions(
        name="all", features=[item.spec for item in synced.serving.chosen()], project_dir=built
    )
    found = group.get_online_features(None, ENTITIES[0], "pg", at=AT)
    assert {"spend__amount_sum_7d", "shop_spend__shop_id_sum_2d", "last__amount"} < set(found)
    kept = group._kept
    assert group.get_online_features("last", ENTITIES[0], "pg", at=AT)
    assert group._kept is kept
    kept.close()


@pytest.mark.usefixtures("dsn")
def test_types_are_those_of_a_training_set(tmp_path: Path) -> None:
    """Every type that a feature can have, extremes among them."""
    schema = {
        "id": "DECIMAL(12,2)",
        "day": "DATE",
        "ok": "BOOLEAN",
        "at": "TIMESTAMP",
        "tiny": "TINYINT",
        "big": "BIGINT",
        "huge": "HUGEINT",
        "real": "FLOAT",
        "price": "DECIMAL(38,3)",
        "text": "VARCHAR",
        "zoned": "TIMESTAMPTZ",
        "seconds": "TIMESTAMP_S",
    }
    rows = [
        {
            "id": Decimal("1.50"),
            "day": date(1, 1, 1),
            "ok": True,
            "at": datetime(2024, 1, 1),
            "tiny": -128,
            "big": -(2**63),
            "huge": 10**37,
            "real": 0.1,
            "price": Decimal("-12345678901234567890123456789012345.678"),
            "text": 'a "quoted", \\N \\. text\n\\.\n\twith é 🙂',
            "zoned": "2024-02-01 12:00:00.000001+02:00",
            "seconds": datetime(2024, 1, 1, 1, 1, 1),
        },
        {**dict.fromkeys(schema), "id": Decimal("2.50"), "day": date(9999, 12, 31), "ok": False,
         "at": datetime(2024, 1, 1), "text": "", "real": float("inf")},
    ]  # fmt: skip
    columns = [name for name in schema if name not in {"id", "day", "ok", "at"}]
    spec = {
        "entities": [{"name": "thing", "join_key": ["id", "day", "ok"]}],
        "sources": [{"name": "events", "timestamp": "at", "path": served.EVENTS}],
        "features": [
            {
                "name": "f",
                "source": "events",
                "entities": ["thing"],
                "select": {name: name for name in columns},
            },
            {
                "name": "g",
                "source": "events",
                "entities": ["thing"],
                "metrics": [
                    {"windows": ["1d"], "aggregations": {"price": ["sum"], "real": ["mean", "std"]}}
                ],
            },
        ],
    }
    served.build(tmp_path, spec, rows, schema)
    project = mlf.load_project(tmp_path)
    assert [item.action for item in served.sync(project, datetime(2024, 1, 1))] == ["loaded"] * 2
    at = datetime(2024, 1, 1, 12)
    entities = [{name: row[name] for name in ("id", "day", "ok")} for row in rows]
    labels = pa.Table.from_pylist([{**item, "t": at} for item in entities])
    labels = labels.set_column(0, "id", labels.column("id").cast(pa.decimal128(12, 2)))
    want = project.get_training_data(["f", "g"], labels, "t", "dev").drop_columns(["t"])
    for profile in ("pg", "dev"):
        found = project.get_online_features(["f", "g"], entities, profile, at=at)
        assert found == want.to_pylist()
        for row, true in zip(found, want.to_pylist(), strict=True):
            assert [type(value) for value in row.values()] == [type(v) for v in true.values()]
        table = project.get_online_features(["f", "g"], labels.drop_columns(["t"]), profile, at=at)
        assert table.schema == want.schema
    wrong = {"id": Decimal("1.505"), "day": date(1, 1, 1), "ok": True}
    said = problem(lambda: project.get_online_features("f", wrong, "pg"))
    assert "`id` has more digits after the point than decimal(12, 2) has room for" in said
    equal = {"id": Decimal("1.5"), "day": date(1, 1, 1), "ok": np.bool_(True)}
    assert project.get_online_features("f", equal, "pg", at=at)["f__tiny"] == -128
    far = {"id": Decimal(10**20), "day": date(1, 1, 1), "ok": True}
    assert project.get_online_features("f", far, "pg", at=at)["f__tiny"] is None
    project.close()


# Instants


@pytest.mark.parametrize(
    "at",
    [
        AT.isoformat(),
        AT.isoformat(sep=" "),
        f"{AT.isoformat()}Z",
        "2024-01-05T14:00:00+02:00",
        AT.replace(tzinfo=UTC),
        pd.Timestamp(AT),
    ],
)
def test_an_instant_is_a_datetime_or_text(synced: LoadedProject, profile: str, at: Any) -> None:
    wanted = synced.get_online_features(FEATURES, ENTITIES, profile, at=AT)
    assert synced.get_online_features(FEATURES, ENTITIES, profile, at=at) == wanted


@pytest.mark.parametrize("at", [date(2024, 1, 6), "2024-01-06", " 2024-01-06 "])
def test_a_date_is_its_midnight(synced: LoadedProject, profile: str, at: Any) -> None:
    wanted = synced.get_online_features(FEATURES, ENTITIES, profile, at=datetime(2024, 1, 6))
    assert synced.get_online_features(FEATURES, ENTITIES, profile, at=at) == wanted


@pytest.mark.parametrize("at", ["infinity", "-infinity", "tomorrow", "", 1.5, True, pd.NaT])
def test_what_is_no_instant(synced: LoadedProject, profile: str, at: Any) -> None:
    with pytest.raises(RetrievalError) as caught:
        synced.get_online_features(FEATURES, ENTITIES, profile, at=at)
    assert str(caught.value) == (
        f"error[MF119]: `{at}` is not an instant; give a datetime, a date or ISO text, such as 2024-01-31T12:00:00Z"
    )


@pytest.mark.parametrize(
    "value",
    [
        *("'; drop table shops; --", "' or '1'='1", "a\0b", "{{ 1 }}", "%s", "%(x)s", "\\", "$1"),
        *("name 0\n", "\u202e", "🙂", "x" * 1_000_000, "", " "),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_hostile_keys_find_nothing_and_break_nothing(
    synced: LoadedProject, profile: str, value: str
) -> None:
    entity = {"first_name": value, "born": BORN, "shop_id": 0}
    (found,) = synced.get_online_features(["spend", "last"], [entity], profile=profile)
    assert found["first_name"] == value
    assert found["spend__amount_count_7d"] == 0
    assert found["last__amount"] is None


def test_half_a_character_is_no_key(synced: LoadedProject, profile: str) -> None:
    entity = {"first_name": "\ud800", "born": BORN, "shop_id": 0}
    with pytest.raises(
        mlf.OnlineError, match=r"\[MF085\].*`first_name` has half of a surrogate pair"
    ):
        synced.get_online_features(["spend"], [entity], profile=profile)
