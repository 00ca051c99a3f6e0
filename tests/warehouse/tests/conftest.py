"""A warehouse for each module of end-to-end tests, which may stop and break it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from warehouse.client import Warehouse, start_warehouse

collect_ignore = ["dbt_project"]


@pytest.fixture(scope="module")
def warehouse(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A running warehouse for one module of tests."""
    with start_warehouse(environment, tmp_path_factory.mktemp("warehouse")) as running:
        yield running
