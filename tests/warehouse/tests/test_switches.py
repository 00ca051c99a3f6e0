from __future__ import annotations

import json
from pathlib import Path

import pytest

from warehouse.local_warehouse.control import Control
from warehouse.local_warehouse.errors import WarehouseError
from warehouse.local_warehouse.privileges import Privileges
from warehouse.local_warehouse.rest import RestService
from warehouse.local_warehouse.routing import Request
from warehouse.local_warehouse.statement_log import LoggedStatement, StatementLog
from warehouse.local_warehouse.switches import Switches
from warehouse.tests.stand_in import StandIn


def request(method: str, path: str, body: str = "", **headers: str) -> Request:
    return Request(method, path, headers, body.encode())


@pytest.mark.parametrize(
    ("privilege", "sql"),
    [
        ("create schema", "create schema if not exists main.lab"),
        ("create table", "create or replace table a as select 1 as b"),
        ("create function", "create or replace function a() returns int return 1"),
        ("create catalog", "create catalog if not exists lab"),
        ("manage grants", "grant select on table a to `b`"),
        ("create table", "create view a as select 1 as b"),
        ("modify", "merge into a using b on true when matched then delete"),
        ("select", "/* dbt */ select 1"),
        ("manage", "alter table orders set tags ('a' = 'b')"),
    ],
)
def test_a_denied_privilege_is_refused(privilege: str, sql: str) -> None:
    stand_in = StandIn()
    stand_in.run("select 1")
    privileges = stand_in.session.workspace.privileges
    privileges.deny(privilege)
    with pytest.raises(WarehouseError, match=rf"does not have {privilege.upper()}") as refused:
        stand_in.run(sql)
    assert refused.value.state == "42501"
    privileges.allow_all()


def control() -> Control:
    return Control(Privileges(), Switches(), reset=lambda: None)


def test_control_sets_the_switches() -> None:
    local = control()
    assert local.answer(request("POST", "/local/stop", '{"after": 2}')).status == 200
    assert local.answer(request("POST", "/local/unavailable", '{"requests": 1}')).status == 200
    assert local.switches.stop_after == 2
    assert [local.switches.take_unavailable() for _ in range(2)] == [True, False]
    assert local.answer(request("POST", "/local/reset")).status == 200
    assert local.switches.stop_after is None


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/local/health", "", 200),
        ("POST", "/local/stop", "{}", 400),
        ("POST", "/local/deny", "not json", 400),
        ("POST", "/local/nothing", "", 404),
        ("GET", "/local/reset", "", 404),
    ],
)
def test_control_answers(method: str, path: str, body: str, status: int) -> None:
    assert control().answer(request(method, path, body)).status == status


def test_machines_get_a_token_for_the_secret() -> None:
    rest = RestService("secret")
    body = "grant_type=client_credentials&client_id=any&client_secret=secret"
    assert rest.answer(request("POST", "/oidc/v1/token", body)).document["access_token"] == "secret"
    assert rest.answer(request("POST", "/oidc/v1/token", "client_secret=no")).status == 401


def test_well_known_addresses_name_this_host() -> None:
    answer = RestService("x").answer(
        request("GET", "/.well-known/databricks-config", Host="127.0.0.1:8443")
    )
    assert answer.document["oidc_endpoint"] == "https://127.0.0.1:8443/oidc"


def test_unknown_calls_are_not_found() -> None:
    answer = RestService("x").answer(request("GET", "/api/2.0/jobs/list"))
    assert (answer.status, answer.document["error_code"]) == (404, "ENDPOINT_NOT_FOUND")


def test_the_log_has_a_line_per_statement(tmp_path: Path) -> None:
    log = StatementLog(tmp_path / "statements.jsonl")
    log.add(LoggedStatement("select 1", "spark", 0.1, "a"))
    line = json.loads((tmp_path / "statements.jsonl").read_text("utf-8"))
    assert (line["sql"], line["route"], line["error"]) == ("select 1", "spark", None)
    log.clear()
    assert (tmp_path / "statements.jsonl").read_text("utf-8") == ""
