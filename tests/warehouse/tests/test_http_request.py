"""Connections and `http_request` against the running warehouse."""

from __future__ import annotations

import json

import pytest

from warehouse.client import StatementError, Warehouse

pytestmark = pytest.mark.functional
ME = "/api/2.0/preview/scim/v2/Me"
LOOK = (
    "select http_request(conn => '{}', method => 'GET', path => '2.0/preview/scim/v2/Me', "
    "headers => map('Accept', 'application/json')) as answer"
)


@pytest.fixture(scope="module", autouse=True)
def connections(warehouse: Warehouse) -> None:
    """Two connections to the warehouse itself, by token and by login."""
    warehouse.put_secret("shop", "token")
    where = f"host '{warehouse.url}', port '443', base_path '/api/'"
    warehouse.sql(
        f"create connection api type http options ({where}, bearer_token secret('shop', 'token'))"
    )
    warehouse.sql(
        f"create connection machine type http options ({where}, client_id 'robot', "
        "client_secret secret('shop', 'token'), oauth_scope 'all-apis', "
        f"token_endpoint '{warehouse.url}/oidc/v1/token')"
    )
    warehouse.sql(
        f"create connection stranger type http options ({where}, bearer_token 'dapi-of-nobody')"
    )


@pytest.mark.parametrize("connection", ["api", "machine"])
def test_answers_are_structs(warehouse: Warehouse, connection: str) -> None:
    answer = warehouse.sql(LOOK.format(connection))[0][0]
    assert answer["status_code"] == 200
    assert json.loads(answer["text"])["userName"] == "local@example.com"
    assert warehouse.requests(ME)[-1]["caller"] == "http_request"


def test_answers_as_one_text_in_a_query(warehouse: Warehouse) -> None:
    look = LOOK.format("api").replace("as answer", "as a")
    rows = warehouse.sql(
        f"with looked as ({look}) select a.status_code + 1, to_json(a), "
        "get_json_object(a.text, '$.id') from looked"
    )
    assert rows[0][0] == 201
    assert json.loads(rows[0][1])["status_code"] == 200
    assert rows[0][2] == "1"


def test_computed_arguments(warehouse: Warehouse) -> None:
    warehouse.sql(
        "select http_request(conn => 'api', method => 'POST', path => concat('2.0/', 'nothing'), "
        "params => map('page', 'a b'), "
        "json => to_json(named_struct('full_refresh', false, 'name', 'it\\'s')))"
    )
    asked = warehouse.requests("/api/2.0/nothing")[-1]
    assert asked["body"] == {"full_refresh": False, "name": "it's"}
    assert (asked["query"], asked["status"]) == ("page=a+b", 404)


def test_a_wrong_token_is_an_answer(warehouse: Warehouse) -> None:
    answer = warehouse.sql(LOOK.format("stranger"))[0][0]
    assert (answer["status_code"], "Invalid access token" in answer["text"]) == (403, True)


def test_unknown_connections_are_errors(warehouse: Warehouse) -> None:
    with pytest.raises(StatementError, match="the connection name nobody was not found"):
        warehouse.sql(LOOK.format("nobody"))
    assert warehouse.statements()[-1]["state"] == "42704"


def test_the_privilege_to_use_a_connection(warehouse: Warehouse) -> None:
    warehouse.deny("use connection")
    with pytest.raises(StatementError, match="USE CONNECTION on Connection 'api'"):
        warehouse.sql(LOOK.format("api"))
    warehouse.allow()
    assert warehouse.sql(LOOK.format("api"))[0][0]["status_code"] == 200


def test_calls_fail_on_demand(warehouse: Warehouse) -> None:
    warehouse.forbid(f"GET {ME}")
    assert warehouse.sql(LOOK.format("api"))[0][0]["status_code"] == 403
    warehouse.lift()
    warehouse.fail(f"GET {ME}", 429, "RESOURCE_EXHAUSTED")
    codes = [warehouse.sql(LOOK.format("api"))[0][0]["status_code"] for _ in range(2)]
    assert codes == [429, 200]


def test_no_log_has_a_token(warehouse: Warehouse) -> None:
    data = warehouse.folder / "data"
    for log in (data / "statements.jsonl", data / "requests.jsonl"):
        text = log.read_text("utf-8")
        assert text
        assert warehouse.token not in text
        assert "dapi-of-nobody" not in text


def test_without_postgres_there_are_no_online_stores(warehouse: Warehouse) -> None:
    answer = warehouse.api("GET /api/2.0/feature-store/online-stores")
    assert (answer.status, answer.document["error_code"]) == (404, "ENDPOINT_NOT_FOUND")


def test_reset_forgets_connections(warehouse: Warehouse) -> None:
    warehouse.reset()
    assert warehouse.sql("show connections") == []
    assert warehouse.requests() == []
