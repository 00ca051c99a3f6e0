"""A project whose feature tables are built."""

from __future__ import annotations

from pathlib import Path

import pytest
from purchases import build


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("retrieval"))
