"""The table of decisions, in Python and as a macro: the same cases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from databricks_online.jinja import NAME, SOURCE, Jinja
from mlforge_sql.online.databricks.steps import Published, Step, Wanted, next_step

Case = list[Any]
CASES: list[Case] = yaml.safe_load((Path(__file__).parent / "steps.yml").read_text("utf-8"))


def published(case: Case) -> Published | None:
    state, mode, source, has_pipeline = case[:4]
    if state is None:
        return None
    known = {"same": SOURCE, "SAME": SOURCE.upper()}
    return Published(
        state, "words", "p1" if has_pipeline else "", known.get(source, source or ""), mode
    )


def planned(case: Case) -> Step:
    wanted = Wanted(SOURCE, NAME, case[4])
    return next_step(published(case), wanted, full_refresh=case[5])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_python(case: Case) -> None:
    step = planned(case)
    assert [step.action, step.full_refresh] == case[6:]
    assert step.reason


def test_the_macro_decides_alike() -> None:
    macros = Jinja().macros()
    wanted = {"source": SOURCE, "name": NAME}
    for case in CASES:
        table = published(case)
        there = table and {
            "state": table.state,
            "message": table.message,
            "pipeline": table.pipeline,
            "source": table.source,
            "mode": table.mode,
        }
        found = macros.call("mlforge_online_step", there, {**wanted, "mode": case[4]}, case[5])
        step = planned(case)
        assert found == {
            "action": str(step.action),
            "full_refresh": step.full_refresh,
            "reason": step.reason,
        }, case
