"""One warehouse for the end-to-end tests; skipped where its environment is not asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from warehouse.client import Warehouse, ensure_environment, start_warehouse

collect_ignore = ["dbt_project"]


@pytest.fixture(scope="session")
def environment() -> Path:
    """The environment that the variable names, installed when it is not there yet."""
    folder = os.environ.get("MLFORGE_WAREHOUSE")
    if not folder:
        pytest.skip("MLFORGE_WAREHOUSE does not name an environment for the local warehouse")
    installed = ensure_environment(Path(folder))
    if installed is None:
        pytest.skip("the local warehouse cannot be installed here (see the output)")
    return installed


@pytest.fixture(scope="module")
def warehouse(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A running warehouse for one module of tests."""
    with start_warehouse(environment, tmp_path_factory.mktemp("warehouse")) as running:
        yield running
