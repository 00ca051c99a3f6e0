"""A small project whose features are served, from Postgres and locally."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import served
from purchases import ROWS, SCHEMA, SPEC

import mlforge_sql as mlf
from mlforge_sql.api.project import LoadedProject

if TYPE_CHECKING:
    from postgres_server import PostgresServer

AS_OF = datetime(2024, 1, 3)
"""When the project is synced; its events are of the first twelve days of the month."""

FEATURES = {**SPEC, "sources": SPEC["sources"][:1], "training_sets": []}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with its tables; tests do not change it."""
    root = tmp_path_factory.mktemp("online")
    return served.build(root, FEATURES, ROWS, SCHEMA)


@pytest.fixture
def dsn(postgres_dsn: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Address of an empty database, which the profile `pg` uses."""
    monkeypatch.setenv(served.DSN, postgres_dsn)
    return postgres_dsn


@pytest.fixture
def project(built: Path, dsn: str) -> Iterator[LoadedProject]:  # noqa: ARG001 - the address is in the environment
    """The project, with nothing synced."""
    loaded = mlf.load_project(built)
    yield loaded
    loaded.close()


@pytest.fixture(scope="session")
def synced(built: Path, postgres_server: PostgresServer) -> Iterator[LoadedProject]:
    """The project, synced; tests only read it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(served.DSN, postgres_server.create_database())
        loaded = mlf.load_project(built)
        assert [item.action for item in served.sync(loaded, AS_OF)] == ["loaded"] * 3
        yield loaded
        loaded.close()
