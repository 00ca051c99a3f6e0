"""Memory and disk that do not suffice: what to set is said, and nothing stays behind."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import yaml
from click.testing import CliRunner
from harness import CONFIG

import mlforge_sql as mlf
from mlforge_sql.cli import main

LIMITS = {"memory_limit": "12MB", "max_temp_directory_size": "0KB", "threads": 1}


@pytest.fixture(scope="module")
def little(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built project with less memory than its labels need, and no disk."""
    folder = shutil.copytree(root, tmp_path_factory.mktemp("little") / "project")
    config: Any = yaml.safe_load(yaml.safe_dump(CONFIG))
    config["profiles"]["dev"]["offline_store"]["settings"] = LIMITS
    (folder / "mlforge.yaml").write_text(yaml.safe_dump(config))
    with duckdb.connect() as connection:
        connection.execute(
            "copy (select range % 3 as shop_id, range as note, timestamp '2024-01-05' + "
            f"to_seconds(range) as taken from range(300000)) to '{folder}/labels.parquet'"
        )
    return folder


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_the_command(little: Path, ending: str, tmp_path: Path) -> None:
    out = tmp_path / f"train.{ending}"
    out.write_text("what was there")
    arguments = ["--features", "shop_spend", "--timestamp", "taken", "--out", str(out)]
    labels = str(little / "labels.parquet")
    shown = CliRunner(env={"COLUMNS": "400"}).invoke(
        main, ["--project-dir", str(little), "training-data", labels, *arguments]
    )
    assert shown.exit_code == 1, shown.output
    assert shown.stderr.startswith("error[MF147]: ")
    assert "settings" in shown.stderr
    assert [item.name for item in tmp_path.iterdir()] == [out.name]
    assert out.read_text() == "what was there"


@pytest.mark.parametrize("stream", [False, True])
def test_labels_in_memory(little: Path, stream: bool) -> None:
    rows = pa.table({"shop_id": pa.array(range(400_000)), "taken": ["2024-01-05"] * 400_000})
    labels = rows.to_reader() if stream else rows
    project = mlf.load_project(little)
    with pytest.raises(mlf.RetrievalError) as error:
        project.get_training_data("shop_spend", labels, "taken", output="pyarrow")
    assert str(error.value).startswith("error[MF147]: ")


def test_a_lookup(little: Path) -> None:
    """The same words from the tables that are served."""
    many = [{"shop_id": number} for number in range(400_000)]
    with pytest.raises(mlf.RetrievalError) as error:
        mlf.load_project(little).get_online_features("shop_spend", many)
    assert str(error.value).startswith("error[MF147]: ")
