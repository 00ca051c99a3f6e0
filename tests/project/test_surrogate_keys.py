"""Surrogate keys: the compiled SQL, `mlf.surrogate_key` and hashlib give the same text."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import events
import oracle
import pytest
from events import at, feature
from harness import CONFIG
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import mlforge_sql as mlf
from mlforge_sql.errors import SpecErrors

Part: TypeAlias = str | int | bool | date | Decimal | None

TEXTS = [
    "Ann",
    "O'Hara",
    "''",
    'say "hi"',
    "",
    " ",
    " Ann ",
    "ann",
    "~",
    "~~",
    ":",
    "1:a",
    "3:Ann6:O'Hara",
    "0:",
    "12",
    "null",
    "NULL",
    "a\\b",
    "\\",
    "\\n",
    "a\nb",
    "a\r\nb",
    "\t",
    "--",
    "/* */",
    "%s %",
    "{{ jinja }}",
    "{% raw %}",
    "$1 ?",
    "é",  # one character
    "e\u0301",  # two: a combining accent
    "Å\u212b",  # look alike, and are not the same
    "ß",
    "İ",
    "🙂",
    "👩‍👩‍👧",  # five code points, joined
    "🇩🇪",
    "👍🏽",
    "\ufeff",
    "\u200b",
    "\u00a0",
    "漢字",
    "שלום",
    "x" * 1_000,
]

CASES: dict[str, Sequence[Part]] = {
    "VARCHAR": TEXTS,
    "BOOLEAN": [True, False],
    "TINYINT": [-128, 0, 127],
    "SMALLINT": [-32_768, 32_767],
    "INTEGER": [0, -1, 7, 2_147_483_647, -2_147_483_648],
    "BIGINT": [0, -1, 9_007_199_254_740_993, 2**63 - 1, -(2**63)],
    "UBIGINT": [0, 2**64 - 1],
    "DATE": [date(2024, 2, 29), date(1970, 1, 1), date(1, 1, 1), date(987, 6, 5), date(9999, 12, 31)],
    "DECIMAL(10,2)": [Decimal(text) for text in ("0.00", "0.50", "-0.50", "1.00", "10.10", "-12345678.90")],
    "DECIMAL(4,4)": [Decimal(text) for text in ("0.5000", "-0.5000", "0.0000")],
    "DECIMAL(2,2)": [Decimal(text) for text in ("0.50", "-0.05")],
    "DECIMAL(5,0)": [Decimal(text) for text in ("0", "-7", "12345")],
    "DECIMAL(38,10)": [Decimal(text) for text in ("0.0000000001", "-1234567890123456789012345678.0123456789")],
}  # fmt: skip


def keys_of(
    rows: Sequence[Sequence[Any]],
    types: Sequence[str],
    *,
    config: Mapping[str, Any] = CONFIG,
    env: Mapping[str, str] | None = None,
) -> list[str | None]:
    """The keys that the compiled SQL gives to rows of key parts, in the order of the rows."""
    columns = [f"part_{number}" for number, _ in enumerate(types)]
    schema = {"id": "INTEGER", **dict(zip(columns, types, strict=True)), "event_time": "TIMESTAMP"}
    person = {"name": "person", "join_key": "person_id", "from_columns": columns}
    document = events.spec(
        [{"name": "f", "source": "events", "entities": ["person"], "metrics": COUNT}],
        entities=[person],
    )
    found = [
        {"id": number, **dict(zip(columns, row, strict=True)), "event_time": at("01-01")}
        for number, row in enumerate(rows)
    ]
    with tempfile.TemporaryDirectory() as folder:
        run = events.run(Path(folder), document, found, schema, config=config, env=env)
        keys = [row["person_id"] for row in run.rows("stg_events", "id")]
        stored = {row["person_id"] for row in run.rows("f")}
        run.connection.close()
    assert len(keys) == len(rows)
    assert stored == {key for key in keys if key is not None}, "the feature table has these keys"
    return keys


COUNT = [{"field": "*", "function": "count", "windows": ["lifetime"]}]


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def same_everywhere(rows: Sequence[Sequence[Part]], types: Sequence[str]) -> None:
    expected = [oracle.surrogate_key(list(row)) for row in rows]
    assert keys_of(rows, types) == expected
    assert [mlf.surrogate_key(*row) for row in rows] == expected


def test_the_encoding_is_the_documented_one() -> None:
    rows = [("Ann", "O'Hara"), (None, "Li"), ("", None), ("ab", "c"), ("a", "bc"), (None, None)]
    encoded = ["3:Ann6:O'Hara", "~2:Li", "0:~", "2:ab1:c", "1:a2:bc"]
    expected = [*map(sha256, encoded), None]
    assert keys_of(rows, ["VARCHAR", "VARCHAR"]) == expected
    assert [mlf.surrogate_key(*row) for row in rows] == expected


@pytest.mark.parametrize("kind", CASES)
def test_one_part(kind: str) -> None:
    same_everywhere([(part,) for part in CASES[kind]], [kind])


def test_hugeint(tmp_path: Path) -> None:
    """Parquet has no such integers, a table has."""
    parts = [0, -1, 2**64, 2**126, -(2**126)]
    person = {"name": "person", "join_key": "person_id", "from_columns": ["part"]}
    columns = {"part": "hugeint", "event_time": "timestamp"}
    document = events.spec(
        [feature(entities=["person"], metrics=COUNT)],
        source={"path": None, "model": "raw_events", "columns": columns},
        entities=[person],
    )
    connection = duckdb.connect()
    connection.execute("create table raw_events (part hugeint, event_time timestamp)")
    for part in parts:
        connection.execute("insert into raw_events values (?, timestamp '2024-01-01')", [part])
    run = events.run(tmp_path, document, connection=connection)
    found = {row["part"]: row["person_id"] for row in run.rows("stg_events")}
    assert found == {part: oracle.surrogate_key([part]) for part in parts}
    assert found == {part: mlf.surrogate_key(part) for part in parts}


def test_decimals_keep_the_scale_of_their_column() -> None:
    """The same number is another key where the column has another scale."""
    one, two = (keys_of([(Decimal("0.5"),)], [kind]) for kind in ("DECIMAL(4,1)", "DECIMAL(4,2)"))
    assert one == [sha256("3:0.5")]
    assert two == [sha256("4:0.50")]


def test_negative_zero_is_zero() -> None:
    """A database has no negative zero in a decimal column, so Python must not invent one."""
    assert keys_of([(Decimal("0.00"),)], ["DECIMAL(4,2)"]) == [sha256("4:0.00")]
    assert mlf.surrogate_key(Decimal("-0.00")) == sha256("4:0.00")


def test_parts_of_every_type_together_and_null() -> None:
    full: list[Part] = ["Ann", 7, True, date(1990, 1, 2), Decimal("1.50")]
    types = ["VARCHAR", "INTEGER", "BOOLEAN", "DATE", "DECIMAL(10,2)"]
    one_null = [[None if at == hole else part for at, part in enumerate(full)] for hole in range(5)]
    one_left = [[part if at == hole else None for at, part in enumerate(full)] for hole in range(5)]
    same_everywhere([full, *one_null, *one_left, [None] * 5], types)


def test_length_counts_characters_and_not_bytes_or_graphemes() -> None:
    family = "👩‍👩‍👧"
    assert (len(family), len(family.encode())) == (5, 18)
    assert keys_of([(family, "e\u0301")], ["VARCHAR", "VARCHAR"]) == [
        sha256(f"5:{family}2:e\u0301")
    ]


def test_all_parts_null_gives_no_key_and_no_row() -> None:
    assert keys_of([(None, None), ("", None)], ["VARCHAR", "BIGINT"]) == [None, sha256("0:~")]
    assert mlf.surrogate_key(None, None) is None


def test_case_and_spaces_matter() -> None:
    keys = keys_of([("Ann",), ("ann",), ("Ann ",), (" Ann",)], ["VARCHAR"])
    assert len(set(keys)) == 4


PARTS = st.none() | st.text(alphabet="~:0123456789a'\\🙂\u0301", max_size=4)


@settings(
    max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
)
@given(st.lists(st.tuples(PARTS, PARTS, PARTS), min_size=30, max_size=80))
def test_different_parts_have_different_keys(rows: list[tuple[str | None, ...]]) -> None:
    keys = keys_of(rows, ["VARCHAR", "VARCHAR", "VARCHAR"])
    assert keys == [oracle.surrogate_key(row) for row in rows]
    parts_of: dict[str, tuple[str | None, ...]] = {}
    for row, key in zip(rows, keys, strict=True):
        if key is None:
            assert row == (None, None, None)
        else:
            assert parts_of.setdefault(key, row) == row


@settings(max_examples=300, deadline=None)
@given(st.lists(PARTS, min_size=1, max_size=4), st.lists(PARTS, min_size=1, max_size=4))
def test_different_parts_have_different_keys_in_python(left: list[Any], right: list[Any]) -> None:
    """Also for different numbers of parts."""
    keys = mlf.surrogate_key(*left), mlf.surrogate_key(*right)
    if None in keys:
        return
    assert (keys[0] == keys[1]) == (left == right)


SALTED = {**CONFIG, "surrogate_key_salt_env": "KEY_SALT"}


@pytest.mark.parametrize("salt", ["pepper", "it's", "", "1:a", "{{ x }}", 'a"b', "🙂", "a\\b"])
def test_salt_is_a_part_in_front(salt: str) -> None:
    rows = [("Ann", 1), (None, 1), ("", None), (None, None)]
    found = keys_of(rows, ["VARCHAR", "BIGINT"], config=SALTED, env={"KEY_SALT": salt})
    assert found == [oracle.surrogate_key(row, salt) for row in rows]
    assert found == [mlf.surrogate_key(*row, salt=salt) for row in rows]
    assert found[0] == sha256(f"{len(salt)}:{salt}3:Ann1:1")
    assert found[3] is None


def test_salt_itself_is_in_no_compiled_file(tmp_path: Path) -> None:
    """Only the name of the variable is written down."""
    person = {"name": "person", "join_key": "person_id", "from_columns": ["user_id"]}
    document = events.spec([feature(entities=["person"], metrics=COUNT)], entities=[person])
    row = {"user_id": "Ann", "event_time": at("01-01"), "amount": 1.0}
    run = events.run(tmp_path, document, [row], config=SALTED, env={"KEY_SALT": "s3cret-s4lt"})
    texts = "\n".join(run.compiled.files.values())
    assert "s3cret-s4lt" not in texts
    assert "salt='KEY_SALT')" in texts


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("FLOAT", 1.5),
        ("DOUBLE", 1.5),
        ("TIMESTAMP", datetime(2024, 1, 1)),
        ("INTEGER[]", [1]),
        ("DECIMAL(38,38)", Decimal(0)),
    ],
)
def test_types_without_one_text_are_refused(kind: str, part: object) -> None:
    with pytest.raises(SpecErrors) as caught:
        keys_of([(part,)], [kind])
    assert [item.code for item in caught.value.diagnostics] == ["MF033"]
    assert caught.value.diagnostics[0].location is not None
    assert caught.value.diagnostics[0].location.path == "features/spec.yml"


@pytest.mark.parametrize("part", [1.5, datetime(2024, 1, 1), b"a", ["a"]])
def test_python_refuses_the_same_types(part: Any) -> None:
    with pytest.raises(TypeError):
        mlf.surrogate_key("a", part)


def test_source_columns_stay_out_of_every_feature_table(tmp_path: Path) -> None:
    schema = {"first": "VARCHAR", "born": "DATE", "event_time": "TIMESTAMP", "amount": "DOUBLE"}
    row = {"first": "Ann", "born": date(1990, 1, 2), "event_time": at("01-01"), "amount": 1.0}
    person = {"name": "person", "join_key": "person_id", "from_columns": ["first", "born"]}
    metrics = [{"windows": ["1d"], "aggregations": {"amount": ["sum"], "first": ["count"]}}]
    features = [
        feature("spend", entities=["person"], metrics=metrics),
        feature("last", entities=["person"], select={"amount": "amount"}),
    ]
    run = events.run(tmp_path, events.spec(features, entities=[person]), [row], schema)
    for name in ("spend", "last", "spend_current", "last_current"):
        for found in run.rows(name):
            assert not {"first", "born"} & set(found)
            assert "Ann" not in found.values()
            assert date(1990, 1, 2) not in found.values()


@pytest.mark.parametrize(
    "broken",
    [
        {"select": {"name": "first"}},
        {"select": {"name": "upper(first)"}},
        {"metrics": [{"windows": ["1d"], "aggregations": {"first": ["max"]}}]},
    ],
    ids=["select", "expression", "metric"],
)
def test_source_columns_cannot_be_selected(tmp_path: Path, broken: dict[str, Any]) -> None:
    schema = {"first": "VARCHAR", "event_time": "TIMESTAMP"}
    person = {"name": "person", "join_key": "person_id", "from_columns": ["first"]}
    document = events.spec([feature(entities=["person"], **broken)], entities=[person])
    with pytest.raises(SpecErrors) as caught:
        events.run(tmp_path, document, [], schema)
    assert {item.code for item in caught.value.diagnostics} == {"MF035"}
