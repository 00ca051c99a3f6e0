"""Labels with marked values that cannot be read: no message and no traceback has one."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

import mlforge_sql as mlf
from mlforge_sql.cli import main

MARKS = ("Q7X", "1774801")

FILES: dict[str, tuple[str, bytes]] = {
    "a key of text": ("csv", b"shop_id,taken\nQ7Xmark,2024-01-05\n"),
    "a key too large": ("csv", b"shop_id,taken\n17748011774801177480117748011774801,2024-01-05\n"),
    "a key with a fraction": ("json", b'{"shop_id": "1774801.5", "taken": "2024-01-05"}'),
    "a time that is none": ("csv", b"shop_id,taken\n1,Q7Xmark\n"),
    "a time that is none, in json": ("json", b'{"shop_id": 1, "taken": "Q7Xmark"}'),
    "a day that is none": ("csv", b"shop_id,taken\n1,1774801-13-45\n"),
    "a row with too much": ("csv", b"shop_id,taken\n1,2024-01-05\n2,2024-01-05,Q7Xmark\n"),
    "not utf-8": ("csv", b"shop_id,taken,note\n1,2024-01-05,Q7X\xff\xfe\n"),
    "broken json": ("json", b'{"shop_id": 1, "taken": "2024-01-05", "note": Q7Xmark}'),
    "json of another shape": ("json", b'["Q7Xmark"]'),
}


@pytest.fixture(scope="module")
def project(root: Path) -> Any:
    return mlf.load_project(root)


def told(call: Callable[[], object]) -> str:
    """The message and the traceback of what a call raises; None of it is left out."""
    with pytest.raises(mlf.RetrievalError) as caught:
        call()
    return "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(("ending", "content"), FILES.values(), ids=FILES)
def test_files(ending: str, content: bytes, project: Any, root: Path, tmp_path: Path) -> None:
    file = tmp_path / f"labels.{ending}"
    file.write_bytes(content)
    said = told(lambda: project.get_training_data("shop_spend:amount_max_2d", file, "taken"))
    wanted = ["--features", "shop_spend:amount_max_2d", "--timestamp", "taken"]
    shown = CliRunner().invoke(
        main, ["--project-dir", str(root), "training-data", str(file), *wanted]
    )
    assert shown.exit_code == 1
    assert "error[MF06" in shown.stderr
    for mark in MARKS:
        assert mark not in said
        assert mark not in shown.output


FRAMES: dict[str, Callable[[], pd.DataFrame]] = {
    "mixed types": lambda: pd.DataFrame({"shop_id": [1, "Q7Xmark"], "taken": ["2024-01-05"] * 2}),
    "a time that is none": lambda: pd.DataFrame({"shop_id": [1], "taken": ["Q7Xmark"]}),
    "text that is no Unicode": lambda: pd.DataFrame(
        {"shop_id": [1], "taken": pd.Series(["Q7X\ud800"], dtype=object)}
    ),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_frames(frame: Callable[[], pd.DataFrame], project: Any) -> None:
    said = told(lambda: project.get_training_data("shop_spend:amount_max_2d", frame(), "taken"))
    assert not [line for line in said.splitlines() if "Error" in line and "Q7X" in line]
