"""What keeps users from wrong data: old tables, files in the way, specs that ask for themselves."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner
from purchases import LABELS

import mlforge_sql as mlf
from mlforge_sql.cli import main
from mlforge_sql.project.definition import spec_hash
from mlforge_sql.workflows.compile import plan_project


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(root, tmp_path / "copy"))


def record_build(root: Path, change: Callable[[str, str], str]) -> None:
    """Write the metadata of a build, as dbt does."""
    project, _ = plan_project(root)
    with duckdb.connect(str(root / "feature_store" / "features.duckdb")) as connection:
        connection.execute(
            "create table _mlforge_metadata (feature varchar, spec_hash varchar, built_at timestamp)"
        )
        for age, older in ((1, True), (0, False)):
            for feature in project.features:
                found = change(feature.name, spec_hash(feature)) if not older else "older"
                connection.execute(
                    f"insert into _mlforge_metadata values (?, ?, timestamp '2024-01-02' - interval {age} day)",
                    [feature.name, found],
                )


def test_a_table_from_an_older_definition(copy: Path) -> None:
    record_build(copy, lambda name, found: "old" if name == "spend" else found)
    project = mlf.load_project(copy)
    labels = pd.DataFrame(LABELS)
    assert len(project.get_training_data("shop_spend", labels, "taken")) == len(labels)
    with pytest.raises(mlf.RetrievalError) as caught:
        project.get_training_data(["shop_spend", "spend"], labels, "taken")
    assert str(caught.value) == (
        "error[MF064]: the table of feature `spend` was built from an older definition of it; "
        "run `mlforge build --profile dev`"
    )


def test_a_table_that_is_empty_on_purpose(copy: Path) -> None:
    """`dbt build --empty` records so: its zeros and NULLs are no values."""
    record_build(copy, lambda name, found: "empty" if name == "spend" else found)
    with pytest.raises(mlf.RetrievalError) as caught:
        mlf.load_project(copy).get_training_data("spend", pd.DataFrame(LABELS), "taken")
    assert str(caught.value) == (
        "error[MF064]: the table of feature `spend` has no rows: dbt was last run with --empty; "
        "run `mlforge build --profile dev`"
    )


def test_a_changed_ttl_needs_no_build(copy: Path) -> None:
    record_build(copy, lambda _name, found: found)
    spec = copy / "features" / "spec.yml"
    spec.write_text(spec.read_text().replace("ttl: 1d", "ttl: 2d"))
    found = mlf.load_project(copy).get_training_data("last", pd.DataFrame(LABELS), "taken")
    assert len(found) == len(LABELS)


@pytest.mark.parametrize("out", ["data/labels.parquet", "data/../data/events.parquet"])
def test_no_output_over_an_input(copy: Path, out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copy)
    before = (copy / out).read_bytes()
    arguments = [
        "training-data",
        "data/labels.parquet",
        "--features",
        "spend",
        "--timestamp",
        "taken",
    ]
    result = CliRunner().invoke(main, [*arguments, "--out", out])
    assert result.exit_code == 1
    said = " ".join(result.stderr.split())
    assert f"error[MF065]: `{out}` is what the training data is made from" in said
    assert (copy / out).read_bytes() == before


def test_no_output_into_the_glob_of_a_source(copy: Path) -> None:
    spec = copy / "features" / "spec.yml"
    spec.write_text(spec.read_text().replace("data/events.parquet", "data/ev*.parquet"))
    arguments = ["training-data", str(copy / "data/labels.parquet"), "--features", "spend"]
    out = copy / "data" / "events_train.parquet"
    result = CliRunner().invoke(main, ["--project-dir", str(copy), *arguments, "--out", str(out)])
    assert result.exit_code == 1
    assert "error[MF065]" in result.stderr
    assert not out.exists()


def test_a_spec_file_that_asks_for_training_data(copy: Path) -> None:
    (copy / "features" / "mine.py").write_text(
        "import mlforge_sql as mlf\n"
        "mlf.load_project('.').get_training_data('spend', 'data/labels.parquet', 'taken')\n"
    )
    result = CliRunner().invoke(main, ["--project-dir", str(copy), "compile"])
    assert result.exit_code == 1
    said = " ".join(result.stderr.split())
    assert "a spec file asks for the project while the project is being read" in said
    assert "1 error; nothing was written" in said


def test_no_salt_in_a_repr(root: Path) -> None:
    data = mlf.load_project(root).training_data("spend", str(root / "data/labels.parquet"), "taken")
    assert "select" not in repr(data)
    data.close()


def test_an_empty_timestamp_is_no_wish_for_now(root: Path) -> None:
    arguments = ["training-data", str(root / "data/labels.parquet"), "--features", "spend"]
    result = CliRunner().invoke(main, ["--project-dir", str(root), *arguments, "--timestamp", ""])
    assert result.exit_code == 1
    assert "error[MF060]" in result.stderr


@pytest.mark.parametrize("output", ["same", "reader", "relation", "pandas"])
def test_text_that_is_no_time_is_said_for_every_output(root: Path, output: Any) -> None:
    labels = pd.DataFrame(LABELS).assign(taken="yesterday")
    project = mlf.load_project(root)
    if output == "relation":
        project.get_training_data("spend", labels, "taken", output=output)  # it has not run yet
        return
    with pytest.raises(mlf.RetrievalError, match="MF063"):
        project.get_training_data("spend", labels, "taken", output=output)


def test_a_stream_that_breaks(root: Path) -> None:
    def batches() -> Any:
        yield pa.RecordBatch.from_pandas(pd.DataFrame(LABELS))
        raise pa.ArrowInvalid("broken")

    schema = pa.Schema.from_pandas(pd.DataFrame(LABELS))
    stream = pa.RecordBatchReader.from_batches(schema, batches())
    with pytest.raises(mlf.RetrievalError, match="MF063"):
        mlf.load_project(root).get_training_data("spend", stream, "taken")


def test_columns_called_as_methods(root: Path) -> None:
    labels = pd.DataFrame(LABELS).assign(to_arrow_reader=1, read_next_batch=2)
    found = mlf.load_project(root).get_training_data("spend", labels, "taken")
    assert isinstance(found, pd.DataFrame)


def test_a_feature_with_two_underscores_in_its_name(copy: Path) -> None:
    spec = copy / "features" / "spec.yml"
    spec.write_text(spec.read_text().replace("name: shop_spend", "name: shop__spend"))
    with duckdb.connect(str(copy / "feature_store" / "features.duckdb")) as connection:
        connection.execute("alter table shop_spend rename to shop__spend")
    spec.write_text(spec.read_text().replace("- shop_spend", "- shop__spend"))
    arguments = ["training-data", str(copy / "data/labels.parquet"), "--features", "shop__spend"]
    result = CliRunner().invoke(
        main, ["--project-dir", str(copy), *arguments, "--timestamp", "taken"]
    )
    assert result.exit_code == 0, result.stderr
    assert "  shop__spend  2 columns" in result.stderr


def test_no_project_here(tmp_path: Path) -> None:
    with pytest.raises(mlf.SpecErrors, match=r"MF004.*no `mlforge.yaml` in `.*nowhere`"):
        mlf.load_project(tmp_path / "nowhere")


def test_a_csv_date_is_read_as_iso_or_not_at_all(copy: Path, tmp_path: Path) -> None:
    project = mlf.load_project(copy)
    file = tmp_path / "labels.csv"
    file.write_text("first_name,born,taken\nname 0,2024-01-01,2024-01-05\n")
    assert (
        project.get_training_data("spend", file, "taken")["spend__amount_count_7d"][0].as_py() > 0
    )
    file.write_text("first_name,born,taken\nname 0,01/01/2024,2024-01-05\n")
    with pytest.raises(mlf.RetrievalError, match="MF063"):
        project.get_training_data("spend", file, "taken")


def test_an_interrupt_is_quiet(copy: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.parquet"
    rows = (
        "select (i % 2)::bigint as shop_id, timestamp '2024-01-01' + interval (i) second as taken"
    )
    duckdb.execute(f"copy ({rows} from range(20_000_000) t(i)) to '{labels}'")
    command: list[Any] = [sys.executable, "-m", "mlforge_sql.cli", "--project-dir", copy]
    command += ["training-data", labels, "--features", "shop_spend", "--timestamp", "taken"]
    process = subprocess.Popen(
        [*command, "--out", tmp_path / "out.parquet"], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 300
    while not list(tmp_path.glob(".mlforge_*/rows.parquet")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 130
    assert said == "interrupted: nothing of it runs any more\n"
    assert not list(tmp_path.glob(".mlforge_*"))
    assert not (tmp_path / "out.parquet").exists()


def test_an_audit_of_what_is_not_built(copy: Path) -> None:
    file = copy / "feature_store" / "features.duckdb"

    def audit() -> str:
        result = CliRunner().invoke(main, ["--project-dir", str(copy), "audit"])
        assert result.exit_code == 1
        return " ".join(result.stderr.split())

    with duckdb.connect(str(file)) as connection:
        connection.execute("alter table train drop column spend__amount_sum_1d")
    assert "table of training set `train` has no column `spend__amount_sum_1d` yet" in audit()
    with duckdb.connect(str(file)) as connection:
        connection.execute("drop table train")
    assert "training set `train` is not built in profile `dev`" in audit()
    file.unlink()
    assert "profile `dev` has no `features.duckdb` yet" in audit()
    assert not file.exists()
