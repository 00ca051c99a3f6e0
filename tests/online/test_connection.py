"""Connections: encryption, time-outs, restarts, threads, forks, rights; and that secrets stay secret."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import served
from click.testing import CliRunner
from postgres_server import PostgresServer, start_postgres

import mlforge_sql as mlf
from mlforge_sql.api.project import LoadedProject
from mlforge_sql.cli import main
from mlforge_sql.errors import OnlineError, plain
from mlforge_sql.online.postgres.address import address_of
from mlforge_sql.spec.config import PostgresOnlineStore
from online.conftest import AS_OF

AT = datetime(2024, 1, 5, 12)
SHOP = {"shop_id": 1}
SECRET = "s3cr3t-Pa55word"


def store(**keys: Any) -> PostgresOnlineStore:
    return PostgresOnlineStore.model_validate({"KIND": "postgres", **keys})


def parameters(dsn: str, env: dict[str, str] | None = None, **keys: Any) -> dict[str, Any]:
    """What a connection would be opened with."""
    return dict(address_of(store(**keys), "pg", {served.DSN: dsn, **(env or {})}).parameters)


def problem(call: Any) -> str:
    with pytest.raises(OnlineError) as caught:
        call()
    return str(caught.value)


# Encryption


@pytest.mark.parametrize(
    ("dsn", "mode"),
    [
        ("postgresql://u:p@db.example.org/d", "require"),
        ("postgresql://u:p@10.0.0.7:5433/d", "require"),
        ("host=db.example.org dbname=d", "require"),
        ("postgresql://u:p@localhost,db.example.org/d", "require"),  # one of them is remote
        ("hostaddr=192.0.2.7 host=localhost", "require"),  # the address is what counts
        ("postgresql://u:p@[2001:db8::1]/d", "require"),
        ("service=prod", "require"),  # where that leads is not known
        ("postgresql://u:p@localhost/d", None),
        ("postgresql://u:p@LOCALHOST:5432/d", None),
        ("postgresql://u:p@127.0.0.1/d", None),
        ("postgresql://u:p@127.8.9.1/d", None),
        ("postgresql://u:p@[::1]/d", None),
        ("postgresql:///d", None),
        ("host=/var/run/postgresql dbname=d", None),
        ("postgresql://u:p@127.0.0.1.example.org/d", "require"),
        ("postgresql://u:p@localhost.example.org/d", "require"),
        ("postgresql://u:p@db.example.org/d?sslmode=disable", "disable"),
        ("postgresql://u:p@db.example.org/d?sslmode=verify-full", "verify-full"),
        ("postgresql://u:p@localhost/d?sslmode=require", "require"),
    ],
)
def test_remote_hosts_are_encrypted(dsn: str, mode: str | None) -> None:
    assert parameters(dsn).get("sslmode") == mode


@pytest.mark.parametrize("name", ["PGHOST", "PGHOSTADDR"])
def test_a_service_file_comes_before_the_environment(name: str) -> None:
    """As for libpq: a local host in the environment says nothing of where a service leads."""
    assert parameters("service=prod", {name: "127.0.0.1"})["sslmode"] == "require"
    assert parameters("dbname=d", {name: "127.0.0.1", "PGSERVICE": "prod"})["sslmode"] == "require"
    assert parameters("dbname=d", {name: "127.0.0.1"}).get("sslmode") is None


@pytest.mark.parametrize(
    ("in_dsn", "in_profile", "in_environment", "mode"),
    [
        (None, "verify-full", None, "verify-full"),
        (None, "disable", None, "disable"),  # told otherwise
        ("prefer", "verify-full", None, "verify-full"),  # the stricter one
        ("verify-full", "require", None, "verify-full"),
        ("disable", "require", "disable", "require"),
        (None, None, "verify-ca", "verify-ca"),
        (None, None, "disable", "disable"),
        (None, "require", "disable", "require"),
        ("verify-ca", None, "disable", "verify-ca"),
    ],
)
def test_who_decides_on_encryption(
    in_dsn: str | None, in_profile: str | None, in_environment: str | None, mode: str
) -> None:
    dsn = "postgresql://u:p@db.example.org/d" + (f"?sslmode={in_dsn}" if in_dsn else "")
    env = {"PGSSLMODE": in_environment} if in_environment else {}
    assert (
        parameters(dsn, env, **({"sslmode": in_profile} if in_profile else {}))["sslmode"] == mode
    )


def test_hosts_from_the_environment() -> None:
    assert parameters("dbname=d", {"PGHOST": "db.example.org"})["sslmode"] == "require"
    assert "sslmode" not in parameters("dbname=d", {"PGHOST": "localhost"})
    assert parameters("dbname=d", {"PGSERVICE": "x"})["sslmode"] == "require"


def test_what_is_connected_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parameters reach the driver, the time-outs among them."""
    given: dict[str, Any] = {}

    def connect(**keys: Any) -> Any:
        given.update(keys)
        raise psycopg.OperationalError("no")

    from mlforge_sql.online.postgres.pool import connect as ours

    monkeypatch.setattr(psycopg, "connect", connect)
    address = address_of(
        store(connect_timeout=7), "pg", {served.DSN: "postgresql://u:p@db.example.org/d"}
    )
    with pytest.raises(psycopg.OperationalError):
        ours(address)
    assert given["sslmode"] == "require"
    assert given["connect_timeout"] == 7
    assert given["tcp_user_timeout"] == 7000
    assert given["keepalives"] == 1
    assert given["client_encoding"] == "utf8"


def test_a_server_without_encryption_is_refused_when_it_is_asked_for(
    built: Path, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(served.DSN, f"{postgres_dsn}?sslmode=require")
    project = mlf.load_project(built)
    said = problem(lambda: project.get_online_features("shop_spend", SHOP, "pg"))
    assert "error[MF081]" in said
    assert "SSL" in said


# Not set up, not there


def test_the_variable_is_missing(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(served.DSN, raising=False)
    project = mlf.load_project(built)
    assert problem(lambda: project.get_online_features("shop_spend", SHOP, "pg")) == (
        "error[MF080]: the environment variable `MLFORGE_POSTGRES_DSN` of profile `pg` is not set; "
        "set it to the address of the server, such as postgresql://user:password@host/database"
    )


def test_another_variable() -> None:
    found = address_of(store(dsn_env="MY_DSN"), "pg", {"MY_DSN": "postgresql://u@localhost/x"})
    assert found.parameters["dbname"] == "x"
    assert found.place == "localhost/x"


def test_the_driver_is_missing(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlforge_sql.online.postgres.store", None)
    project = mlf.load_project(built)
    assert problem(lambda: project.get_online_features("shop_spend", SHOP, "pg")) == (
        "error[MF080]: the driver of Postgres is not installed; pip install 'mlforge-sql[postgres]'"
    )


def test_nobody_listens(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        monkeypatch.setenv(served.DSN, f"postgresql://u:{SECRET}@127.0.0.1:{port}/d")
        project = mlf.load_project(built)
        said = problem(lambda: project.get_online_features("shop_spend", SHOP, "pg"))
    assert said.startswith("error[MF081]: the online store of profile `pg` cannot be reached: ")
    assert said.endswith(
        f"the address is 127.0.0.1:{port}/d; check that the server runs, and the DSN"
    )
    assert SECRET not in said


def test_a_server_that_says_nothing_is_given_up(
    tmp_path: Path, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes the connection and never answers: the time-out of the profile bounds the wait."""
    import shutil

    import yaml

    root = shutil.copytree(built, tmp_path / "project")
    (root / "mlforge.yaml").write_text(yaml.safe_dump(served.config(connect_timeout=2)))
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        port = silent.getsockname()[1]
        monkeypatch.setenv(served.DSN, f"postgresql://u:p@127.0.0.1:{port}/d")
        project = mlf.load_project(root)
        started = time.monotonic()
        said = problem(lambda: project.get_online_features("shop_spend", SHOP, "pg"))
        assert time.monotonic() - started < 10
    assert "error[MF081]" in said
    assert "timeout" in said


# Secrets


LEAKY = {
    "password": f"postgresql://user:{SECRET}@127.0.0.1:1/d",
    "no scheme": f"user:{SECRET}@127.0.0.1/d",
    "an @ in it": f"postgresql://user:{SECRET}@{SECRET}@127.0.0.1:1/d",
    "a / in it": f"postgresql://user:{SECRET}/{SECRET}@127.0.0.1:1/d",
    "a / after digits": f"postgresql://user:12/{SECRET}@127.0.0.1:1/d",
    "a ? in it": f"postgresql://user:{SECRET}?{SECRET}@127.0.0.1:1/d",
    "a # in it": f"postgresql://user:{SECRET}#{SECRET}@127.0.0.1:1/d",
    "a % in it": f"postgresql://user:{SECRET}%zz{SECRET}@127.0.0.1:1/d",
    "a : in it": f"postgresql://user:{SECRET}:{SECRET}@127.0.0.1:1/d",
    "words": f"host=127.0.0.1 port=1 password={SECRET} {SECRET}",
    "words, open quote": f"host=127.0.0.1 password='{SECRET} port=1",
    "an odd option": f"postgresql://user:{SECRET}@127.0.0.1:1/d?{SECRET}=1",
    "an odd mode": f"postgresql://user:{SECRET}@127.0.0.1:1/d?sslmode={SECRET}",
    "in the host": f"postgresql://{SECRET}@{SECRET}:{SECRET}/d",
    "in the host of words": f"host=user:{SECRET}@127.0.0.1 port=1",
}


@pytest.mark.parametrize("dsn", LEAKY.values(), ids=list(LEAKY))
@pytest.mark.parametrize("command", ["get --features shop_spend --entity shop_id=1", "sync"])
def test_secrets_are_never_shown(
    built: Path,
    dsn: str,
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not in the output, a log or a traceback, however the address is broken."""
    monkeypatch.setenv(served.DSN, dsn)
    caplog.set_level(logging.DEBUG)
    arguments = ["--debug", "--project-dir", str(built), "online", *command.split()]
    result = CliRunner().invoke(main, [*arguments, "--profile", "pg"])
    assert result.exit_code == 1
    said = result.output + caplog.text
    error: BaseException | None = result.exception
    assert isinstance(error, OnlineError)
    said += "".join(traceback.format_exception(error))
    assert error.__cause__ is None
    while error is not None:
        said += f"{error} {error!r} {vars(error)}"
        error = error.__context__ if not error.__suppress_context__ else None
    assert "[MF08" in said
    assert SECRET not in said


def test_secrets_are_in_no_text_of_an_object(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(served.DSN, f"postgresql://user:{SECRET}@127.0.0.1:1/d")
    project = mlf.load_project(built)
    serving = project.serving
    online = serving.store("pg")
    address = online._address  # type: ignore[attr-defined]  # Postgres has one
    for item in (project, serving, online, address, online._pool):  # type: ignore[attr-defined]  # of this store alone
        assert SECRET not in repr(item)
        assert SECRET not in str(item)
    assert SECRET in repr(address.parameters)  # so that the check can fail


def test_a_wrong_password(
    built: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(served.DSN, postgres_server.dsn("postgres", "mlforge", SECRET))
    said = problem(lambda: mlf.load_project(built).get_online_features("shop_spend", SHOP, "pg"))
    assert "[MF081]" in said
    assert "password authentication failed" in said
    assert SECRET not in said


# Rights


@pytest.fixture
def reader_dsn(postgres_server: PostgresServer, dsn: str) -> Iterator[str]:
    """Address for a role that may only look, once something is granted to it."""
    database = dsn.rpartition("/")[2]
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("drop role if exists app")
        connection.execute("create role app login password 'app'")
    yield postgres_server.dsn(database, "app", "app")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("drop owned by app")
        connection.execute("drop role app")


def test_a_role_that_may_only_select_is_enough(
    project: LoadedProject, built: Path, dsn: str, reader_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.sync(project, AS_OF)
    monkeypatch.setenv(served.DSN, reader_dsn)
    app = mlf.load_project(built)
    said = problem(lambda: app.get_online_features("shop_spend", SHOP, "pg", at=AT))
    assert said.startswith(
        "error[MF083]: the role may not do that in schema `mlforge_online`: permission denied for "
        "schema mlforge_online; for reading: grant usage on schema"
    )
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("grant usage on schema mlforge_online to app")
        said = problem(lambda: app.get_online_features("shop_spend", SHOP, "pg", at=AT))
        assert "[MF083]" in said
        assert "permission denied for table" in said
        connection.execute("grant select on all tables in schema mlforge_online to app")
        connection.execute(
            "alter default privileges in schema mlforge_online grant select on tables to app"
        )
    want = project.get_online_features("shop_spend", SHOP, "pg", at=AT)
    assert app.get_online_features("shop_spend", SHOP, "pg", at=AT) == want
    assert app.get_online_features("shop_spend", [SHOP] * 3, "pg", at=AT) == [want] * 3
    served.sync(project, AS_OF, full_refresh=True)
    assert app.get_online_features("shop_spend", SHOP, "pg", at=AT) == want
    assert {item.state for item in app.serving.store("pg").status(())} == {"not in the project"}
    with pytest.raises(OnlineError, match=r"\[MF083\]"):
        served.sync(app, AS_OF)
    app.close()


def test_a_sync_needs_no_right_to_create_schemas_when_there_is_one(
    built: Path, dsn: str, reader_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(served.DSN, reader_dsn)
    loader = mlf.load_project(built)
    with pytest.raises(OnlineError, match=r"\[MF083\].*permission denied for database"):
        served.sync(loader, AS_OF)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "create schema mlforge_online; grant all on schema mlforge_online to app"
        )
    assert {item.action for item in served.sync(loader, AS_OF)} == {"loaded"}
    loader.close()


# Restarts, threads, forks


@pytest.fixture
def own_server(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[PostgresServer, LoadedProject]]:
    """A server that a test may stop, and the project synced into it."""
    with start_postgres() as server:
        monkeypatch.setenv(served.DSN, server.dsn())
        project = mlf.load_project(built)
        served.sync(project, AS_OF)
        yield server, project
        project.close()


def test_a_restart_is_survived(own_server: tuple[PostgresServer, LoadedProject]) -> None:
    server, project = own_server

    def lookup(_number: int = 0) -> Any:
        return project.get_online_features("shop_spend", SHOP, "pg", at=AT)

    want = lookup()
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lookup, range(60))) == [want] * 60
        server.restart()
        assert list(pool.map(lookup, range(60))) == [want] * 60  # every connection was dead
    server.stop()
    said = problem(lookup)
    assert "error[MF081]: the online store of profile `pg` cannot be reached" in said
    server.start()
    assert lookup() == want


def test_connections_are_shared_and_bounded(project: LoadedProject, dsn: str) -> None:
    served.sync(project, AS_OF)
    want = project.get_online_features("shop_spend", SHOP, "pg", at=AT)
    with ThreadPoolExecutor(40) as pool:
        found = list(
            pool.map(
                lambda _: project.get_online_features("shop_spend", SHOP, "pg", at=AT), range(400)
            )
        )
    assert found == [want] * 400
    online = project.serving.store("pg")
    assert 1 <= online._pool.idle <= 16  # type: ignore[attr-defined]  # Postgres has one
    counted = (
        "select count(*) from pg_stat_activity where application_name = 'mlforge' "
        "and datname = current_database()"
    )
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(counted).fetchone()
        assert row is not None
        assert row[0] == online._pool.idle  # type: ignore[attr-defined]  # of this store alone
        project.close()
        until = time.monotonic() + 10
        while connection.execute(counted).fetchone() != (0,):
            assert time.monotonic() < until, "connections are left open"
            time.sleep(0.02)
    assert project.get_online_features("shop_spend", SHOP, "pg", at=AT) == want  # opens new ones


def test_a_full_pool_is_said(project: LoadedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    served.sync(project, AS_OF)
    pool = project.serving.store("pg")._pool  # type: ignore[attr-defined]  # Postgres has one
    monkeypatch.setattr(pool, "_timeout", 0.05)
    monkeypatch.setattr(pool, "_free", threading.Semaphore(0))
    said = problem(lambda: project.get_online_features("shop_spend", SHOP, "pg", at=AT))
    assert "[MF081]" in said
    assert "all 16 connections were in use for too long" in said


def _look_up(project: LoadedProject, queue: Any) -> None:
    queue.put(project.get_online_features("shop_spend", SHOP, "pg", at=AT))


def test_a_fork_does_not_share_connections(project: LoadedProject) -> None:
    """A web server that loads the project and then forks its workers."""
    served.sync(project, AS_OF)
    want = project.get_online_features("shop_spend", SHOP, "pg", at=AT)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    workers = [context.Process(target=_look_up, args=(project, queue)) for _ in range(3)]
    for worker in workers:
        worker.start()
    assert [queue.get(timeout=60) for _ in workers] == [want] * 3
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    pool = project.serving.store("pg")._pool  # type: ignore[attr-defined]  # Postgres has one
    before = pool.idle
    assert before
    assert project.get_online_features("shop_spend", SHOP, "pg", at=AT) == want
    assert pool.idle == before  # the parent's connection still works: none had to be opened


def test_nothing_is_left_open_at_the_end_of_a_program(built: Path, dsn: str) -> None:
    """A program that never calls close ends without a warning."""
    code = (
        "import mlforge_sql as mlf, sys\n"
        f"project = mlf.load_project({str(built)!r})\n"
        "print(project.get_online_features('shop_spend', {'shop_id': 1}, 'pg'))\n"
    )
    with_sync = mlf.load_project(built)
    served.sync(with_sync, AS_OF)
    with_sync.close()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, served.DSN: dsn},
    )
    assert "shop_spend__amount_max_2d" in done.stdout, done.stderr
    assert "ResourceWarning" not in done.stderr
    assert done.returncode == 0


# Keys are values, never SQL


NASTY = [
    "'; drop table mlforge_online.names; --",
    '"; drop table mlforge_online.names; --',
    "\\'; drop table mlforge_online.names; --",
    "$$; drop table mlforge_online.names; $$",
    "$1",
    "%s",
    "%(at)s",
    "{}",
    "{a,b}",
    'a","b',
    "NULL",
    "null",
    "\\",
    "\\\\",
    "\\000",
    "a\nb\r\n\t",
    "\\.",
    "",
    " ",
    "🙂é\u0301",
    "\u202e",
    "x" * 2000,
]


@pytest.mark.usefixtures("dsn")
def test_keys_are_bound_values(tmp_path: Path) -> None:
    """Every odd text is found as itself and as nothing else, alone and among others."""
    rows = [
        {"k": text, "at": datetime(2024, 1, 1), "v": number} for number, text in enumerate(NASTY)
    ]
    spec = {
        "entities": [{"name": "user", "join_key": "k"}],
        "sources": [{"name": "events", "timestamp": "at", "path": served.EVENTS}],
        "features": [
            {"name": "names", "source": "events", "entities": ["user"], "select": {"v": "v"}}
        ],
    }
    served.build(tmp_path, spec, rows, {"k": "VARCHAR", "at": "TIMESTAMP", "v": "BIGINT"})
    project = mlf.load_project(tmp_path)
    done = served.sync(project, datetime(2024, 2, 1))
    assert [item.action for item in done] == ["loaded"], done
    for number, text in enumerate(NASTY):
        assert project.get_online_features("names", {"k": text}, "pg")["names__v"] == number
    found = project.get_online_features("names", [{"k": text} for text in NASTY], "pg")
    assert [row["names__v"] for row in found] == list(range(len(NASTY)))
    strangers = ["a\0b", "\0", "y" * 1_000_000, "{NULL}", "'", *(f"{text}'" for text in NASTY)]
    for text in strangers:
        assert project.get_online_features("names", {"k": text}, "pg")["names__v"] is None
    mixed = [{"k": text} for pair in zip(strangers, NASTY, strict=False) for text in pair]
    found = project.get_online_features("names", mixed, "pg")
    assert [row["names__v"] for row in found][1::2] == list(range(len(found) // 2))
    assert {row["names__v"] for row in found[::2]} == {None}
    project.close()


def test_json_of_status_and_problem_texts(project: LoadedProject, built: Path) -> None:
    """Problems are plain sentences, on one line each."""
    served.sync(project, AS_OF)
    result = CliRunner().invoke(
        main, ["--project-dir", str(built), "online", "status", "--profile", "pg", "--json"]
    )
    tables = json.loads(result.stdout)["tables"]
    assert {item["state"] for item in tables} == {"current"}
    assert list(tables[0]) == [
        "feature",
        "state",
        "rows",
        "as_of",
        "synced_at",
        "run_id",
        "detail",
    ], "nothing of pipelines, which this store has none of"
    with pytest.raises(OnlineError) as caught:
        project.get_online_features("shop_spend", {}, "pg")
    assert all("\n" not in plain(item) for item in caught.value.diagnostics)
