"""Training sets by example: expected rows written by hand."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from events import Document, at, feature, table
from harness import project_macros
from judged import DAILY, EXACT, LABELS, LAST, at_times, document, run, sums, training_set, values


def check_labels(expected: dict[str, tuple[Any, ...]], found: list[tuple[Any, ...]]) -> None:
    assert dict(zip(expected, found, strict=True)) == expected


def test_gridded_example(tmp_path: Path, portable: frozenset[str]) -> None:
    expected = {
        "01-01 12:00": (None, 0, None, 0),
        "01-01 23:59:59.999999": (None, 0, None, 0),
        "01-02 00:00": (10.0, 1, 10.0, 1),
        "01-02 23:59:59.999999": (10.0, 1, 10.0, 1),
        "01-03 00:00": (1100.0, 2, 1110.0, 3),
        "01-03 00:00:00.000001": (1100.0, 2, 1110.0, 3),
        "01-04 00:00": (5000.0, 1, 6100.0, 3),
        "01-04 23:59:59.999999": (5000.0, 1, 6100.0, 3),
        "01-05 00:00": (None, 0, 5000.0, 1),
        "01-06 00:00": (None, 0, None, 0),
        "2030-01-01 00:00": (None, 0, None, 0),
    }
    spec = document([DAILY], training_set("daily"))
    found = run(tmp_path, spec, at_times(*expected), portable=portable)
    columns = "daily__amount_sum_1d daily__amount_count_1d daily__amount_sum_2d daily__amount_count_2d"  # fmt: skip
    check_labels(expected, values(found, columns))


def test_continuous_example(tmp_path: Path, portable: frozenset[str]) -> None:
    expected = {
        "01-01 12:00": (None, 0, None),
        "01-01 12:00:00.000001": (10.0, 1, 10.0),
        "01-02 09:00": (10.0, 1, 10.0),
        "01-02 09:00:00.000001": (110.0, 2, 100.0),
        "01-02 12:00": (110.0, 2, 100.0),
        "01-02 12:00:00.000001": (100.0, 1, 100.0),
        "01-02 18:00:00.000001": (1100.0, 2, 1000.0),
        "01-03 00:00": (1100.0, 2, 1000.0),
        "01-03 00:00:00.000001": (6100.0, 3, 5000.0),
        "01-03 09:00": (6100.0, 3, 5000.0),
        "01-03 09:00:00.000001": (6000.0, 2, 5000.0),
        "01-03 18:00:00.000001": (5000.0, 1, 5000.0),
        "01-04 00:00": (5000.0, 1, 5000.0),
        "01-04 00:00:00.000001": (None, 0, 5000.0),
        "1969-12-31 00:00": (None, 0, None),
    }
    spec = document([EXACT, LAST], training_set("exact", "last:amount"))
    found = run(tmp_path, spec, at_times(*expected), portable=portable)
    check_labels(
        expected, values(found, "exact__amount_sum_1d exact__amount_count_1d last__amount")
    )


def test_labels_without_key_time_or_events_get_the_empty_values(
    tmp_path: Path, portable: frozenset[str]
) -> None:
    with_default = feature("kept", metrics=[{**sums("1d", functions=["sum", "count"]), "default": 7}])  # fmt: skip
    labels = table(
        "user_id label_time row_id",
        (None, at("01-03 12:00"), 0),
        ("u1", None, 1),
        ("u2", at("01-03 12:00"), 2),
        (None, None, 3),
        ("u1", at("01-03 12:00"), 4),
    )
    spec = document([EXACT, with_default, LAST], training_set("exact", "kept", "last"))
    found = run(tmp_path, spec, labels, portable=portable)
    columns = "exact__amount_sum_1d exact__amount_count_1d kept__amount_sum_1d kept__amount_count_1d last__amount last__seen_at"  # fmt: skip
    empty: tuple[Any, ...] = (None, 0, 7.0, 7, None, None)
    known = (6000.0, 2, 6000.0, 2, 5000.0, at("01-03 00:00"))
    assert values(found, columns) == [*[empty] * 4, known]


def test_every_label_once_in_its_own_columns(tmp_path: Path, portable: frozenset[str]) -> None:
    schema = {"amount": "VARCHAR", "label_time": "TIMESTAMP", "last": "BIGINT", "User_ID": "VARCHAR", "row_id": "BIGINT"}  # fmt: skip
    row = {"amount": "own", "label_time": at("01-05 00:00"), "last": 3, "User_ID": "u1", "row_id": 1}  # fmt: skip
    spec = document([LAST], training_set({"name": "last", "columns": ["seen_at", "amount"]}))
    found = run(tmp_path, spec, [row, row, row], schema, portable=portable)
    whole = {**row, "last__seen_at": at("01-03 00:00"), "last__amount": 5000.0}
    assert found.rows("fraud") == [whole] * 3
    assert list(found.rows("fraud")[0]) == [*schema, "last__seen_at", "last__amount"]


def test_no_labels(tmp_path: Path, portable: frozenset[str]) -> None:
    found = run(tmp_path, document([LAST], training_set("last")), [], portable=portable)
    assert found.rows("fraud") == []
    assert [item[0] for item in found.connection.execute("from fraud").description or []] == [
        *LABELS,
        "last__amount",
        "last__seen_at",
    ]


def test_rows_older_than_the_ttl_do_not_hold(tmp_path: Path, portable: frozenset[str]) -> None:
    expected = {
        "01-06 00:00": (None, 0, None),
        "01-05 00:00:00.000001": (None, 0, 5000.0),
        "01-05 00:00:00.000002": (None, 0, None),
        "01-03 18:00:00.000001": (5000.0, 1, 5000.0),
        "01-03 23:00:00.000001": (5000.0, 1, 5000.0),
        "01-03 23:00:00.000002": (None, 0, 5000.0),
    }
    features = [{**EXACT, "ttl": "5h"}, {**LAST, "ttl": "2d"}]
    spec = document(features, training_set("exact", "last:amount"))
    found = run(tmp_path, spec, at_times(*expected), portable=portable)
    check_labels(
        expected, values(found, "exact__amount_sum_1d exact__amount_count_1d last__amount")
    )


@pytest.mark.parametrize(
    ("kind", "value", "time"),
    [
        ("TIMESTAMPTZ", "2024-01-03 02:00:00+02:00", {}),
        ("DATE", date(2024, 1, 3), {}),
        ("TIMESTAMP_NS", "2024-01-03 00:00:00.000000999", {}),
        ("TIMESTAMP_S", "2024-01-03 00:00:00", {}),
        ("VARCHAR", "2024-01-03", {}),
        ("VARCHAR", "2024-01-03 00:00:00", {}),
        ("VARCHAR", "2024-01-03T00:00:00Z", {}),
        ("VARCHAR", "2024-01-02T19:00:00-05:00", {}),
        ("VARCHAR", "03/01/24", {"format": "%d/%m/%y"}),
        ("BIGINT", 1704240000, {"unit": "s"}),
    ],
)
def test_a_time_however_it_is_stored(
    tmp_path: Path, portable: frozenset[str], kind: str, value: Any, time: Document
) -> None:
    schema = {**LABELS, "label_time": kind, "loaded_at": "TIMESTAMP"}
    row = {"user_id": "u1", "label_time": value, "row_id": 1, "loaded_at": None}
    spec = document(
        [EXACT],
        training_set("exact", timestamp={"column": "label_time", **time}),
        timestamp="loaded_at",
    )
    found = run(tmp_path, spec, [row], schema, portable=portable)
    assert values(found, "exact__amount_sum_1d") == [(1100.0,)]  # without the event at midnight


def test_parts_of_a_microsecond_are_cut_off_towards_the_past(
    tmp_path: Path, portable: frozenset[str]
) -> None:
    rows = table("user_id event_time amount", ("u1", at("1969-12-31 12:00"), 10.0))
    schema = {**LABELS, "label_time": "TIMESTAMP_NS"}
    labels = [
        {"user_id": "u1", "row_id": number, "label_time": f"1969-12-31 12:00:00.{digits}"}
        for number, digits in enumerate(["000000999", "000001000", "000001999"])
    ]
    spec = document([LAST], training_set("last:amount"))
    found = run(tmp_path, spec, labels, schema, rows=rows, portable=portable)
    assert values(found, "last__amount") == [(None,), (10.0,), (10.0,)]


def test_rows_without_key_or_time_hold_for_nobody(tmp_path: Path, portable: frozenset[str]) -> None:
    spec = document([LAST], training_set("last"))
    labels = at_times("01-05 00:00") + at_times("01-05 00:00", user=None)
    found = run(tmp_path, spec, labels, portable=portable)
    for key, time in (("null", "timestamp '2024-01-04'"), ("'u1'", "null")):
        found.connection.execute(f"insert into last values ({key}, {time}, -1, null)")
    text = next(text for path, text in found.compiled.files.items() if path.name == "fraud.sql")
    sql = project_macros(found.compiled, tmp_path, portable=portable).render(text)
    rows = found.connection.execute(f"select user_id, last__amount from ({sql})").fetchall()
    assert sorted(rows, key=str) == [("u1", 5000.0), (None, None)]
