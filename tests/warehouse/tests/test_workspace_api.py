from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from warehouse.local_warehouse.faults import Fault, Faults
from warehouse.local_warehouse.request_log import RequestLog
from warehouse.local_warehouse.rest import RestService
from warehouse.local_warehouse.routing import (
    Call,
    Document,
    Request,
    Router,
    conflict,
    invalid,
    missing,
    route,
)
from warehouse.local_warehouse.workspace_api import WorkspaceApi

TOKEN = "dapi-secret"


def things(call: Call) -> Document:
    if call["name"] == "gone":
        raise missing("There is no thing gone")
    if call["name"] == "broken":
        raise RuntimeError("it broke")
    return {"name": call["name"], "query": dict(call.query), "kind": call.text("kind")}


@pytest.fixture
def api(tmp_path: Path) -> WorkspaceApi:
    router = Router([route("POST /api/2.0/things/{name}/use", things)])
    log = RequestLog(tmp_path / "requests.jsonl")
    return WorkspaceApi(TOKEN, RestService(TOKEN, router), log, Faults())


def request(
    path: str, body: Any = None, *, method: str = "POST", token: str | None = TOKEN, query: str = ""
) -> Request:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    text = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    return Request(method, path, headers, text, query)


def logged(api: WorkspaceApi) -> list[dict[str, Any]]:
    return [json.loads(line) for line in api.log._file.read_text("utf-8").splitlines()]


def test_routes_take_values_from_the_path(api: WorkspaceApi) -> None:
    asked = request("/api/2.0/things/a%20b/use", {"kind": "x"}, query="page=2")
    answer = api.answer(asked, "rest")
    assert answer.document == {"name": "a b", "query": {"page": "2"}, "kind": "x"}


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/api/2.0/things/gone/use", {}, 404, "RESOURCE_DOES_NOT_EXIST"),
        ("/api/2.0/things/broken/use", {}, 500, "INTERNAL_ERROR"),
        ("/api/2.0/things/a/use", {"kind": 1}, 400, "INVALID_PARAMETER_VALUE"),
        ("/api/2.0/things/a/use", b"not json", 400, "MALFORMED_REQUEST"),
        ("/api/2.0/things/a/use", b"[1]", 400, "MALFORMED_REQUEST"),
        ("/api/2.0/things/a", {}, 404, "ENDPOINT_NOT_FOUND"),
        ("/api/2.0/things/a/b/use", {}, 404, "ENDPOINT_NOT_FOUND"),
    ],
)
def test_errors_have_status_and_code(
    api: WorkspaceApi, path: str, body: Any, status: int, code: str
) -> None:
    answer = api.answer(request(path, body), "rest")
    assert (answer.status, answer.document["error_code"]) == (status, code)
    assert answer.document["message"]


def test_the_usual_refusals() -> None:
    assert invalid("x").response.status == 400
    assert conflict("x", "ALREADY_EXISTS").response.document["error_code"] == "ALREADY_EXISTS"


@pytest.mark.parametrize(("token", "status"), [(None, 401), ("wrong", 403)])
def test_callers_without_the_token(api: WorkspaceApi, token: str | None, status: int) -> None:
    answer = api.answer(request("/api/2.0/things/a/use", token=token), "http_request")
    assert answer.status == status
    assert [line["status"] for line in logged(api)] == [status]


def test_the_log_says_who_asked_what(api: WorkspaceApi) -> None:
    api.answer(request("/api/2.0/things/a/use", {"kind": "x", "token": TOKEN}), "http_request")
    api.answer(request("/api/2.0/things/gone/use", query="a=1"), "rest")
    first, second = logged(api)
    assert (first["caller"], first["body"]) == (
        "http_request",
        {"kind": "x", "token": "[REDACTED]"},
    )
    assert (second["method"], second["query"], second["error_code"], second["message"]) == (
        "POST",
        "a=1",
        "RESOURCE_DOES_NOT_EXIST",
        "There is no thing gone",
    )
    assert TOKEN not in api.log._file.read_text("utf-8")


def test_logins_are_not_in_the_log(api: WorkspaceApi) -> None:
    body = f"client_secret={TOKEN}".encode()
    assert api.answer(request("/oidc/v1/token", body, token=None), "rest").status == 200
    assert logged(api) == []


def fault(**changes: Any) -> Fault:
    body = {
        "method": "POST",
        "path": "/api/2.0/things/*/use",
        "status": 403,
        "error_code": "PERMISSION_DENIED",
        "message": "no",
    }
    return Fault.of({**body, **changes})


def test_a_fault_takes_the_next_calls(api: WorkspaceApi) -> None:
    api.faults.add(fault(times=2))
    use, body = "/api/2.0/things/a/use", {"kind": "x"}
    answers = [api.answer(request(use, body), "rest").status for _ in range(3)]
    assert answers == [403, 403, 200]


def test_a_fault_without_times_stays_until_it_is_lifted(api: WorkspaceApi) -> None:
    api.faults.add(fault(times=None))
    use, body = "/api/2.0/things/a/use", {"kind": "x"}
    assert [api.answer(request(use, body), "rest").status for _ in range(3)] == [403] * 3
    api.faults.lift()
    assert api.answer(request(use, body), "rest").status == 200


def test_a_fault_leaves_other_calls_alone(api: WorkspaceApi) -> None:
    api.faults.add(fault(path="/api/2.0/other/*"))
    assert api.answer(request("/api/2.0/things/a/use", {"kind": "x"}), "rest").status == 200


def test_too_many_requests_say_when_to_come_back(api: WorkspaceApi) -> None:
    api.faults.add(fault(status=429, error_code="RESOURCE_EXHAUSTED"))
    answer = api.answer(request("/api/2.0/things/a/use"), "rest")
    assert (answer.status, answer.headers) == (429, {"Retry-After": "1"})


def test_a_fault_needs_every_field() -> None:
    with pytest.raises(KeyError):
        Fault.of({"method": "GET"})
