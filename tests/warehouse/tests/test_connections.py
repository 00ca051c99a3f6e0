from __future__ import annotations

import json

import pyarrow as pa
import pytest

from warehouse.local_warehouse.errors import WarehouseError
from warehouse.local_warehouse.routing import Request, Response
from warehouse.local_warehouse.rules.connections import without_secrets
from warehouse.tests.stand_in import RecordingEngine, StandIn

CREATE = (
    "create connection api type http options (host 'https://127.0.0.1:8443', port '443', "
    "base_path '/api/', bearer_token secret('feast', 'token'))"
)
MACHINE = (
    "create connection machine type http options (host 'https://127.0.0.1', port '443', "
    "base_path '/api/', client_id 'robot', client_secret secret('feast', 'token'), "
    "oauth_scope 'all-apis', token_endpoint 'https://127.0.0.1/oidc/v1/token')"
)
LOOK = "select to_json(http_request(conn => 'api', method => 'GET', path => '2.0/things')) as a"
_CALL = "http_request(conn => 'api', method => 'GET', path => 'x')"
NOW = Response(200, {"state": "it's \\ on"})


def evaluated(**values: object) -> pa.Table:
    """What Spark answers to the arguments of a call."""
    given = {"conn": "api", "method": "GET", "path": "2.0/things", **values}
    return pa.table({name: pa.array([value]) for name, value in given.items()})


def connected(**values: object) -> StandIn:
    stand_in = StandIn(RecordingEngine(answers={"as `conn`": evaluated(**values)}))
    stand_in.session.workspace.secrets.put("feast", "token", "dapi-secret")
    stand_in.run(CREATE)
    return stand_in


# Connections ------------------------------------------------------------------------------------


def test_create_connection_reads_the_secret() -> None:
    stand_in = connected()
    assert stand_in.run("show connections") == "show_connections"
    connection = stand_in.session.workspace.connections.get("API")
    assert connection.options["bearer_token"] == "dapi-secret"
    assert connection.url == "https://127.0.0.1:8443/api/"


def test_create_connection_for_machines() -> None:
    stand_in = connected()
    assert stand_in.run(MACHINE) == "create_connection"
    rows = stand_in.rows("show connections like 'mach*'")
    assert [(row["name"], row["credential_type"]) for row in rows] == [("machine", "OAUTH_M2M")]


def test_if_not_exists_keeps_the_connection() -> None:
    stand_in = connected()
    again = CREATE.replace("connection api", "connection if not exists api")
    stand_in.run(again.replace("443", "1"))
    assert stand_in.session.workspace.connections.get("api").options["port"] == "443"


@pytest.mark.parametrize(
    ("sql", "text", "state"),
    [
        (CREATE, "CONNECTION_ALREADY_EXISTS", "42710"),
        (CREATE.replace(" api ", " b ").replace("http", "jdbc", 1), "type 'JDBC'", "42000"),
        (CREATE.replace(" api ", " b ").replace("'token'", "'no'"), "key: no", "22531"),
        (CREATE.replace(" api ", " b ").replace("port '443', ", ""), "option(s): port", "42000"),
        (CREATE.replace(" api ", " b ").replace("base_path", "bas_path"), "bas_path", "42000"),
        (
            MACHINE.replace("client_id 'robot', ", ""),
            "needs the option(s): client_id",
            "42000",
        ),
        ("create connection b type http options (host)", "PARSE_SYNTAX_ERROR", "42601"),
        ("drop connection b", "the connection name b was not found", "42704"),
        ("describe connection b", "CONNECTION_NOT_FOUND", "42704"),
    ],
)
def test_refused_connections(sql: str, text: str, state: str) -> None:
    with pytest.raises(WarehouseError) as refused:
        connected().run(sql)
    assert text in str(refused.value)
    assert refused.value.state == state


def test_describe_connection_hides_the_token() -> None:
    stand_in = connected()
    rows = {row["info_name"]: row["info_value"] for row in stand_in.rows("desc connection api")}
    assert rows["Credential Type"] == "BEARER_TOKEN"
    assert rows["Url"] == "https://127.0.0.1:8443/api/"
    assert rows["Options"] == (
        "((host, 'https://127.0.0.1:8443'), (port, '443'), (base_path, '/api/'))"
    )
    assert "dapi" not in json.dumps(rows)


def test_drop_connection_and_its_grants() -> None:
    stand_in = connected()
    stand_in.run("grant use connection on connection api to `team`")
    assert stand_in.run("drop connection if exists api") == "drop_connection"
    assert stand_in.rows("show connections") == []
    assert stand_in.session.governance.grants == set()
    stand_in.run("drop connection if exists api")


def test_grants_on_connections_and_the_metastore() -> None:
    stand_in = connected()
    stand_in.run("grant use connection on connection api to `team`")
    stand_in.run("grant create connection on metastore to `team`")
    rows = stand_in.rows("show grants on connection api")
    assert [(row["Principal"], row["ActionType"]) for row in rows] == [("team", "USE CONNECTION")]
    rows = stand_in.rows("show grants on metastore")
    assert [row["ActionType"] for row in rows] == ["CREATE CONNECTION"]
    stand_in.run("revoke use connection on connection api from `team`")
    assert stand_in.rows("show grants on connection api") == []


def test_connections_need_a_privilege() -> None:
    stand_in = connected()
    stand_in.session.workspace.privileges.deny("create connection")
    with pytest.raises(WarehouseError, match="User does not have CREATE CONNECTION"):
        stand_in.run(MACHINE)


def test_the_log_shows_no_token() -> None:
    sql = "create connection c type http options (bearer_token 'dapi-1', client_secret = 'x')"
    shown = without_secrets(sql)
    assert "dapi-1" not in shown
    assert "'x'" not in shown
    assert without_secrets(CREATE) == CREATE


# http_request -----------------------------------------------------------------------------------


def test_a_call_becomes_its_answer() -> None:
    stand_in = connected()
    api = stand_in.api([NOW])
    assert stand_in.run(LOOK) == "http_request"
    assert stand_in.engine.statements[-1] == (
        "select to_json(named_struct('status_code', 200, 'text', "
        '\'{"state": "it\\\'s \\\\\\\\ on"}\')) as a'
    )
    request, caller = api.asked[0]
    assert (request.method, request.path, caller) == ("GET", "/api/2.0/things", "http_request")
    assert request.headers["Authorization"] == "Bearer dapi-secret"


def test_a_call_sends_everything_it_is_given() -> None:
    stand_in = connected(
        method="post",
        path="/2.0/things?a=1",
        headers=[("Accept", "text/plain")],
        params=[("b", "2 3")],
        json='{"full_refresh": false}',
    )
    api = stand_in.api([NOW])
    stand_in.run(
        "select http_request(conn => 'api', method => 'post', path => '/2.0/things?a=1', "
        "headers => map('Accept', 'text/plain'), params => map('b', '2 3'), "
        "json => to_json(named_struct('full_refresh', false))) as answer"
    )
    request, _ = api.asked[0]
    assert (request.method, request.path, request.query) == (
        "POST",
        "/api/2.0/things",
        "a=1&b=2+3",
    )
    assert request.headers["Accept"] == "text/plain"
    assert json.loads(request.body) == {"full_refresh": False}


def test_machines_ask_for_a_token_first() -> None:
    stand_in = connected(conn="machine")
    stand_in.run(MACHINE)
    api = stand_in.api([Response(200, {"access_token": "fresh"}), NOW])
    stand_in.run(LOOK)
    login, call = (request for request, _ in api.asked)
    assert login.path == "/oidc/v1/token"
    assert b"client_id=robot&client_secret=dapi-secret" in login.body
    assert call.headers["Authorization"] == "Bearer fresh"


def test_machines_without_a_token_say_why() -> None:
    stand_in = connected(conn="machine")
    stand_in.run(MACHINE)
    stand_in.api([Response(401, {"error": "invalid_client"})])
    with pytest.raises(WarehouseError, match="status 401, invalid_client"):
        stand_in.run(LOOK)


@pytest.mark.parametrize(
    "sql",
    [
        f"with looked as ({LOOK}) select a from looked where a is not null",
        f"create table main.shop.answers as {LOOK}",
        f"select a from ({LOOK}) where true",
        f"select coalesce(1, 2), case when true then 1 end, upper(to_json({_CALL})) as a",
    ],
)
def test_calls_inside_statements(sql: str) -> None:
    stand_in = connected()
    api = stand_in.api([NOW])
    stand_in.run(sql)
    assert "named_struct('status_code', 200" in stand_in.engine.statements[-1]
    assert len(api.asked) == 1


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        (f"select {_CALL} from orders", "FROM"),
        (f"select to_json({_CALL}) as a from orders where true", "FROM"),
        (f"select case when true then {_CALL} end", "CASE"),
        (f"select if(true, {_CALL}, null)", "IF"),
        (f"select coalesce(null, {_CALL})", "COALESCE"),
        (f"select 1 where {_CALL}.status_code = 200", "WHERE"),
    ],
)
def test_calls_that_may_not_happen_once_are_refused(sql: str, word: str) -> None:
    stand_in = connected()
    api = stand_in.api([NOW])
    with pytest.raises(WarehouseError, match=f"beside or in {word}") as refused:
        stand_in.run(sql)
    assert refused.value.state == "0A000"
    assert api.asked == []


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("select http_request(conn => 'api', method => 'GET')", "parameter `path` is required"),
        ("select http_request('api', 'GET', 'x')", "takes the named parameters conn"),
        (
            "select http_request(conn => 'api', conn => 'b', method => 'GET', path => 'x')",
            "includes `conn` twice",
        ),
    ],
)
def test_wrong_calls(sql: str, text: str) -> None:
    with pytest.raises(WarehouseError) as refused:
        connected().run(sql)
    assert text in str(refused.value)


@pytest.mark.parametrize(
    ("values", "text", "state"),
    [
        ({"conn": "nope"}, "the connection name nope was not found", "42704"),
        ({"conn": None}, "`conn` of `http_request` must be a STRING constant", "42K09"),
        ({"method": "HEAD"}, "HEAD is no method", "22023"),
        ({"path": "../../secret"}, "directory traversal", "22023"),
    ],
)
def test_wrong_values(values: dict[str, object], text: str, state: str) -> None:
    stand_in = connected(**values)
    stand_in.api([NOW])
    with pytest.raises(WarehouseError) as refused:
        stand_in.run(LOOK)
    assert text in str(refused.value)
    assert refused.value.state == state


def test_a_connection_needs_a_privilege() -> None:
    stand_in = connected()
    api = stand_in.api([NOW])
    stand_in.session.workspace.privileges.deny("use connection")
    with pytest.raises(WarehouseError, match="USE CONNECTION on Connection 'api'") as refused:
        stand_in.run(LOOK)
    assert refused.value.state == "42501"
    assert api.asked == []


@pytest.mark.parametrize(
    ("host", "reachable"),
    [
        ("https://127.0.0.1:8443", True),
        ("127.0.0.1:8443", True),
        ("localhost", True),
        ("https://127.0.0.1:9", False),
        ("https://adb-1.azuredatabricks.invalid", False),
    ],
)
def test_connections_lead_to_this_server_only(host: str, reachable: bool) -> None:
    stand_in = connected()
    api = stand_in.api([NOW])
    stand_in.run("drop connection api")
    stand_in.run(CREATE.replace("https://127.0.0.1:8443", host))
    if reachable:
        stand_in.run(LOOK)
        assert len(api.asked) == 1
    else:
        with pytest.raises(WarehouseError, match="can call only itself"):
            stand_in.run(LOOK)


def test_refused_answers_are_answers() -> None:
    stand_in = connected()
    stand_in.api([Response(409, {"error_code": "ALREADY_EXISTS", "message": "no"})])
    stand_in.run(LOOK)
    assert "named_struct('status_code', 409" in stand_in.engine.statements[-1]


def test_names_that_only_look_like_calls() -> None:
    stand_in = connected()
    api = stand_in.api([NOW])
    for sql in ("select 'http_request(1)' as a", "select http_request from orders"):
        assert stand_in.run(sql) == "spark"
    assert api.asked == []
    assert Request("GET", "/x", {}, b"").query == ""
