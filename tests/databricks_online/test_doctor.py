"""The doctor's questions about an online store on Databricks, over a session that answers by statement."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sessions import Session

from databricks_online.jinja import config
from mlforge_sql.doctor import online
from mlforge_sql.doctor.checks import checks_of
from mlforge_sql.doctor.findings import Patient, Refused

LISTED = {"show connections like 'mlforge_api'": [("mlforge_api", "HTTP")]}
CALL = (
    "select to_json(http_request(conn => 'mlforge_api', method => 'GET', "
    "path => '/2.0/feature-store/online-stores/fraud-features')) as answer"
)


def patient(rows: dict[str, Any], **store: Any) -> Patient:
    found = Patient(Path(), config(**store), "live", {}, ExitStack())
    found.connection = Session(rows)
    return found


def answer(status: int, **document: Any) -> list[tuple[str]]:
    return [(json.dumps({"status_code": status, "text": json.dumps(document)}),)]


def test_the_questions_follow_those_about_the_warehouse() -> None:
    names = [check.name for check in checks_of(config().profiles["live"])]
    assert names[-2:] == ["connection", "online store"]


def test_a_connection_that_is_missing() -> None:
    found = online.connection(patient({"show connections like 'mlforge_api'": []}))
    assert (found.status, found.detail) == (
        "fail",
        "there is no connection mlforge_api, or you may not see it",
    )
    assert found.next_step is not None
    assert "run dbt/setup/online_live.sql" in found.next_step


def test_a_connection_that_may_not_be_used() -> None:
    from databricks.sql import Error

    text = (
        "[INSUFFICIENT_PERMISSIONS] User does not have USE CONNECTION on Connection 'mlforge_api'."
    )
    with pytest.raises(Refused) as refused:
        online.connection(patient({**LISTED, CALL: Error(text)}))
    assert "USE CONNECTION" in refused.value.finding.detail
    assert refused.value.finding.next_step


@pytest.mark.parametrize(
    ("said", "status", "detail"),
    [
        (
            answer(200, state="AVAILABLE", capacity="CU_1"),
            "ok",
            "fraud-features is AVAILABLE, CU_1",
        ),
        (answer(200, state="STARTING"), "warn", "fraud-features is STARTING"),
        (answer(404, error_code="X"), "fail", "there is no online store fraud-features"),
        (
            answer(403, error_code="PERMISSION_DENIED", message="no"),
            "fail",
            "the API answers 403 PERMISSION_DENIED: no",
        ),
    ],
)
def test_the_store(said: Any, status: str, detail: str) -> None:
    found = online.online_store(patient({**LISTED, CALL: said}))
    assert (found.status, found.detail) == (status, detail)
    assert (found.next_step is None) == (status == "ok")
    assert online.connection(patient({**LISTED, CALL: said})).status == "ok"


def test_the_command_line_needs_no_connection() -> None:
    found = online.connection(patient({}, publish_via="cli"))
    assert (found.status, "none is needed" in found.detail) == ("ok", True)


def test_a_connection_of_a_schema_is_asked_itself() -> None:
    """Those are not listed."""
    said = [(json.dumps({"status_code": 200, "text": "{}"}),)]
    call = CALL.replace("mlforge_api", "main.tools.api")
    found = online.connection(patient({call: said}, connection="main.tools.api"))
    assert (found.status, found.detail) == ("ok", "main.tools.api may be used")
