"""The leakage audit: planted faults are found and named, honest tables are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from audited import audit, build, named
from events import at, table
from harness import Run, project_macros


def plant(run: Run, *statements: str) -> None:
    """Change feature tables, and build the training set again."""
    text = next(text for path, text in run.compiled.files.items() if path.name == "judged.sql")
    sql = project_macros(run.compiled, run.compiled.root).render(text)
    for statement in (*statements, "drop table judged", f"create table judged as {sql}"):
        run.connection.execute(statement)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return build(tmp_path)


def test_an_honest_project_has_no_differences(run: Run) -> None:
    names = {path.name for path in run.compiled.files if path.parts[:2] == ("tests", "audit")}
    features = ("daily", "recent", "last")
    assert names == {f"audit_{of}__{name}.sql" for name in features for of in ("judged", "feature")}
    assert [audit(run, name) for name in ("daily", "recent", "last")] == [[], [], []]
    plant(run)
    assert [audit(run, name) for name in ("daily", "recent", "last")] == [[], [], []]


def test_rows_a_tick_early_are_found(run: Run) -> None:
    plant(run, "update daily set feature_timestamp = feature_timestamp - interval '1 day'")
    found = named(audit(run, "daily"))
    assert found["u1", at("01-03 00:00"), "amount_sum_1d"] == ("5000.0", "1100.0")
    assert found["u1", at("01-02 09:00"), "amount_count_1d"] == ("2", "1")
    assert found["u2", at("01-01 00:00"), "amount_sum_2d"] == ("7.0", None)
    assert not [key for key in found if key[0] not in {"u1", "u2"} or key[1] in {None, at("06-01")}]
    assert audit(run, "recent") == audit(run, "last") == []


def test_rows_a_tick_late_are_found(run: Run) -> None:
    plant(run, "update daily set feature_timestamp = feature_timestamp + interval '1 day'")
    found = named(audit(run, "daily"))
    assert found["u1", at("01-03 00:00"), "amount_sum_1d"] == ("10.0", "1100.0")
    assert found["u1", at("01-05 08:00"), "amount_sum_2d"] == ("6100.0", "5000.0")


@pytest.mark.parametrize("feature", ["recent", "last"])
def test_an_event_that_is_seen_at_its_own_time_is_found(tmp_path: Path, feature: str) -> None:
    """The continuous features are built with `<=` instead of `<`."""
    run = build(tmp_path, edit={"('' if inclusive else ' + 1')": "''"})
    found = named(audit(run, feature))
    column = "amount_sum_1d" if feature == "recent" else "last_amount"
    expected = "10.0"
    seen = "110.0" if feature == "recent" else "100.0"
    assert found["u1", at("01-02 09:00"), column] == (seen, expected)
    assert {key[1] for key in found} <= {
        *(at(text) for text in ("01-02 09:00", "01-03 00:00", "01-03 09:00")),
        *(at(text) for text in ("01-01 00:00", "01-02 00:00")),
    }
    assert audit(run, "daily") == []


def test_an_event_on_a_tick_that_is_seen_at_the_tick_is_found(tmp_path: Path) -> None:
    late = "event_time - interval \\'1 microsecond\\'"
    run = build(tmp_path, edit={"mlforge_tick('event_time'": f"mlforge_tick('{late}'"})
    found = named(audit(run, "daily"))
    assert found["u1", at("01-03 00:00"), "amount_sum_1d"] == ("6100.0", "1100.0")
    assert found["u2", at("01-01 00:00"), "amount_count_2d"] == ("1", "0")


@pytest.mark.parametrize(
    ("feature", "row", "label", "column", "values"),
    [
        ("daily", "01-05 00:00:00", "01-05 08:00", "amount_sum_1d", ("5000.0", None)),
        ("daily", "01-06 00:00:00", "06-01 00:00", "amount_count_2d", ("1", "0")),
        ("recent", "01-03 18:00:00.000001", "01-03 20:00", "amount_sum_1d", ("6000.0", "5000.0")),
        ("recent", "01-05 00:00:00.000001", "06-01 00:00", "amount_sum_2d", ("5000.0", None)),
    ],
)
def test_a_missing_exit_is_found(
    run: Run, feature: str, row: str, label: str, column: str, values: tuple[str, str | None]
) -> None:
    where = f"user_id = 'u1' and feature_timestamp = timestamp '2024-{row}'"
    assert run.connection.execute(f"select count(*) from {feature} where {where}").fetchone() == (
        1,
    )
    plant(run, f"delete from {feature} where {where}")
    found = named(audit(run, feature))
    assert found["u1", at(label), column] == values
    assert {key[:2] for key in found} <= {("u1", at(label)), ("u1", at("01-05 08:00"))}


@pytest.mark.parametrize(
    ("feature", "row", "before", "label", "column"),
    [
        ("daily", "01-03", "01-02", "01-03 00:00", "amount_sum_1d"),
        (
            "recent",
            "01-03 18:00:00.000001",
            "01-03 09:00:00.000001",
            "01-03 20:00",
            "amount_count_1d",
        ),
        ("last", "01-03 00:00:00.000001", "01-02 18:00:00.000001", "06-01 00:00", "last_amount"),
    ],
)
def test_a_stale_value_is_found(
    run: Run, feature: str, row: str, before: str, label: str, column: str
) -> None:
    old = f"select {column} from {feature} where user_id = 'u1' and feature_timestamp = timestamp '2024-{before}'"
    plant(
        run,
        f"update {feature} set {column} = ({old}) where user_id = 'u1' and feature_timestamp = timestamp '2024-{row}'",
    )
    found = named(audit(run, feature))
    assert ("u1", at(label), column) in found
    assert {key[2] for key in found} == {column}


def test_a_value_for_a_label_that_has_none_is_found(run: Run) -> None:
    """Labels without a key, without a time, and of nobody are in the sample too."""
    run.connection.execute("update judged set daily__amount_count_1d = 1 where user_id is null")
    run.connection.execute("update judged set daily__amount_sum_1d = 1 where marked_at is null")
    run.connection.execute("update judged set last__last_amount = 0 where user_id = 'nobody'")
    assert named(audit(run, "daily")) == {
        (None, at("01-03 00:00"), "amount_count_1d"): ("1", "0"),
        ("u1", None, "amount_sum_1d"): ("1.0", None),
    }
    assert set(named(audit(run, "last"))) == {("nobody", at("01-03 00:00"), "last_amount")}


def test_all_labels_without_keys_and_no_labels(tmp_path: Path) -> None:
    nameless = table("user_id marked_at", (None, at("01-03 00:00")), (None, None))
    for index, labels in enumerate(([], nameless)):
        run = build(tmp_path / str(index), labels=labels)
        assert [audit(run, name) for name in ("daily", "recent", "last")] == [[], [], []]
    plant(run, "insert into daily select null, timestamp '2020-01-01', 1, 1, 1, 1")
    assert audit(run, "daily") == []
