"""The sample of the leakage audit: its size, its seed, rare entities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from audited import LAST, ROWS, SPEC, audit, build
from events import at
from harness import Run

from mlforge_sql.dbt.macros import MacroError


def all_wrong(tmp_path: Path, **training_set: Any) -> Run:
    spec = deepcopy(SPEC)
    spec["training_sets"][0] |= training_set
    labels = [{"user_id": f"u{n}", "marked_at": at("01-03 00:00")} for n in range(200)]
    run = build(tmp_path, spec, labels=labels)
    run.connection.execute("update judged set last__last_amount = -1")
    return run


def users(rows: Sequence[Mapping[str, Any]]) -> set[str]:
    return {row["user_id"] for row in rows}


def test_the_sample_is_as_large_as_it_is_told_to_be(tmp_path: Path) -> None:
    run = all_wrong(tmp_path / "default")
    assert len(users(audit(run, "last"))) == 200
    assert len(users(audit(run, "last", mlforge_audit_rows=17))) == 17
    run = all_wrong(tmp_path / "less", audit_rows=30)
    assert len(users(audit(run, "last"))) == 30
    assert len(users(audit(run, "last", mlforge_audit_rows="40"))) == 40


@pytest.mark.parametrize("rows", ["0", 0, "all", "10k", "", "-1"])
def test_a_size_that_is_none_fails(tmp_path: Path, rows: Any) -> None:
    run = all_wrong(tmp_path)
    with pytest.raises(
        MacroError, match=r"'mlforge_audit_rows' is '.*'; it must be a whole number"
    ):
        audit(run, "last", mlforge_audit_rows=rows)


def test_the_seed_chooses_the_sample(tmp_path: Path) -> None:
    run = all_wrong(tmp_path, audit_rows=20)
    first, other = audit(run, "last"), audit(run, "last", mlforge_audit_seed=1)
    assert users(first) == users(audit(run, "last", mlforge_audit_seed=0))
    assert users(other) == users(audit(run, "last", mlforge_audit_seed=1))
    assert len(users(first) & users(other)) < 10
    run.connection.execute("create table again as select * from judged order by user_id desc")
    run.connection.execute("drop table judged")
    run.connection.execute("alter table again rename to judged")
    assert users(audit(run, "last")) == users(first), "whatever the order of the rows"


def test_rare_entities_are_in_the_sample(tmp_path: Path) -> None:
    """A thousand labels of one user, one each of ten others: a sample of twenty has all eleven."""
    spec = deepcopy(SPEC)
    spec["features"] = [LAST]
    spec["training_sets"] = [
        {"name": "judged", "labels": "marked", "features": ["last"], "audit_rows": 20}
    ]
    labels = [
        {"user_id": "hot", "marked_at": datetime(2024, 1, 1 + n % 28, n % 24, n % 60)}
        for n in range(1000)
    ]
    labels += [{"user_id": f"u{n}", "marked_at": at("01-03 00:00")} for n in range(10)]
    run = build(tmp_path, spec, ROWS, labels)
    run.connection.execute("update judged set last__last_amount = -1")
    for seed in range(3):
        found = [row["user_id"] for row in audit(run, "last", mlforge_audit_seed=seed)]
        assert len(found) == 20
        assert set(found) == {"hot", *(f"u{n}" for n in range(10))}
