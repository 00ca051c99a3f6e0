"""Lookups while tables are exchanged: none fails and none is torn. `make load` has more, for longer."""

from __future__ import annotations

from pathlib import Path

import pytest
from load import Load


@pytest.mark.usefixtures("dsn")
def test_lookups_under_syncs(tmp_path: Path) -> None:
    report, done = Load(tmp_path).under_syncs(count=4, seconds=4, pause=0.2)
    assert len(done) > 2
    assert all(actions == ["loaded"] * 3 for actions in done)
    assert not report.errors
    assert report.torn == 0
    assert min(report.builds.values()) > 0
