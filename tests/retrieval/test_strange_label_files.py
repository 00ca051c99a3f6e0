"""Paths of labels that are no plain files: told, and never waited for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import mlforge_sql as mlf

NO_FILES = {
    "https://127.0.0.1:9/a.csv": "there is no file",
    "s3://bucket/a.parquet": "there is no file",
    "/etc/passwd": "cannot tell the format of",
    "/proc/self/environ": "cannot tell the format of",
    "./..": "cannot tell the format of",
    "~/a.csv": "there is no file",
    "${HOME}/a.csv": "there is no file",
    "{{ env_var('HOME') }}/a.csv": "there is no file",
    "loop.csv": "there is no file",
    "pipe.csv": "there is no file",
    "zero.csv": "there is no file",
    "folder.csv": "there is no file",
    "pi*.csv": "cannot read `pi*.csv`: No files found",  # a glob matches files alone
    "zer?.csv": "cannot read `zer?.csv`: No files found",
}


@pytest.mark.parametrize("path", NO_FILES)
def test_what_is_no_file_is_told(
    root: Path, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.csv")
    Path("folder.csv").mkdir()
    Path("loop.csv").symlink_to("loop.csv")
    Path("zero.csv").symlink_to("/dev/zero")
    with pytest.raises(mlf.RetrievalError) as error:
        mlf.load_project(root).get_training_data("shop_spend", path, "taken")
    assert str(error.value).startswith(f"error[MF063]: {NO_FILES[path]}")


def test_links_and_files_outside_are_files(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "a.csv").write_text("shop_id,taken\n1,2024-01-05\n")
    (tmp_path / "here" / "link.csv").symlink_to("../a.csv")
    monkeypatch.chdir(tmp_path / "here")
    project = mlf.load_project(root)
    for path in ("../a.csv", "link.csv", "../*.csv", tmp_path / "a.csv"):
        assert project.get_training_data("shop_spend", path, "taken").shape[0] == 1
