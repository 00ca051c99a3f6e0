"""``mlforge training-data``: files in, files out, talk on stderr."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result
from harness import compile_and_run, write_parquet, write_project
from purchases import LABEL_SCHEMA, LABELS, ROWS, SCHEMA, SPEC

from mlforge_sql.cli import main

LABEL_FILE = "data/labels.parquet"
WANTED = ("--features", "spend,shop_spend:amount_max_2d", "--timestamp", "taken")


@pytest.fixture
def run(root: Path) -> Any:
    def invoke(*arguments: str | Path, before: tuple[str, ...] = ()) -> Result:
        listed = [*before, "--project-dir", str(root), "training-data", *map(str, arguments)]
        return CliRunner().invoke(main, listed)

    return invoke


def read(file: Path) -> list[tuple[Any, ...]]:
    source = f"read_parquet('{file}')" if file.suffix == ".PARQUET" else f"'{file}'"
    rows: list[tuple[Any, ...]] = duckdb.connect().execute(f"select * from {source}").fetchall()
    return rows


@pytest.mark.parametrize("ending", ["parquet", "csv", "json", "jsonl", "PARQUET"])
def test_a_file(run: Any, root: Path, tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"train.{ending}"
    result = run(root / LABEL_FILE, *WANTED, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    rows = read(out)
    assert [row[3] for row in rows] == [item["taken"] for item in LABELS], "order of the labels"
    assert [path.name for path in tmp_path.iterdir()] == [out.name], "nothing else is left"
    said = result.stderr.splitlines()
    assert re.fullmatch(rf"30 rows in {out}, features as of `taken`, \d+\.\d s", said[0])
    nulls = sum(row[4] is None for row in rows) / 30
    assert re.fullmatch(
        rf"  spend       4 columns   +\d+\.\d\d% NULL, most in amount_sum_1d \({nulls:.2%}\)",
        said[1],
    )
    assert said[2] == "  shop_spend  1 column      0.00% NULL"


@pytest.mark.parametrize(
    ("ending", "code"), [("json", 1), ("jsonl", 1), ("csv", 0), ("parquet", 0)]
)
def test_what_json_has_no_word_for(
    run: Any, root: Path, tmp_path: Path, ending: str, code: int
) -> None:
    labels, out = tmp_path / "labels.parquet", tmp_path / f"train.{ending}"
    source = f"from '{root / LABEL_FILE}'"
    odd = "case when row_number() over () < 3 then 'nan'::double else 1 end as odd"
    duckdb.execute(f"copy (select *, {odd} {source}) to '{labels}' (format parquet)")
    result = run(labels, *WANTED, "--out", out)
    assert result.exit_code == code, result.stderr
    assert out.exists() == (code == 0)
    if code:
        assert "error[MF065]: `odd` is NaN or infinite in 2 rows, which JSON has no word for" in (
            " ".join(result.stderr.split())
        )


def test_stdout_is_csv(run: Any, root: Path) -> None:
    result = run(root / LABEL_FILE, *WANTED)
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("first_name,born,shop_id,taken,spend__amount_sum_1d")
    assert len(lines) == 31
    assert result.stderr.startswith("30 rows, features as of `taken`, ")


def test_the_summary_as_json(run: Any, root: Path, tmp_path: Path) -> None:
    out = tmp_path / "train.parquet"
    result = run(root / LABEL_FILE, *WANTED, "--out", out, "--json", before=("-q",))
    assert result.stderr == ""
    found = json.loads(result.stdout)
    assert found["version"] == 1
    assert found["rows"] == 30
    assert found["out"] == str(out)
    assert [item["feature"] for item in found["features"]] == ["spend", "shop_spend"]
    assert found["features"][0]["worst_column"] == "amount_sum_1d"


def test_now(run: Any, root: Path) -> None:
    result = run(root / LABEL_FILE, "--features", "shop_spend")
    assert result.stderr.startswith("30 rows, features as of now, ")


def test_a_format(run: Any, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("shop_id,t\n1,05.01.2024\n0,31.12.2023\n")
    result = run(labels, "--features", "shop_spend:amount_max_2d", "--timestamp", "t", "--timestamp-format", "%d.%m.%Y")  # fmt: skip
    assert result.stdout.splitlines() == [
        "shop_id,t,shop_spend__amount_max_2d",
        "1,05.01.2024,13.0",
        "0,31.12.2023,-1.0",
    ]


def test_csv_keys_keep_their_text(run: Any, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text(
        "first_name,born,taken\nname 0,2024-01-01,2024-01-05T00:00:00Z\n007,2024-01-01,\n"
    )
    result = run(labels, "--features", "spend:amount_count_7d", "--timestamp", "taken")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[1:] == [
        "name 0,2024-01-01,2024-01-05T00:00:00Z,5",
        "007,2024-01-01,,0",
    ]


def test_an_old_file_stays_when_something_is_wrong(run: Any, root: Path, tmp_path: Path) -> None:
    out = tmp_path / "train.parquet"
    out.write_text("old")
    result = run(root / LABEL_FILE, "--features", "spnd", "--timestamp", "taken", "--out", out)
    assert result.exit_code == 1
    assert "did you mean `spend`?" in result.stderr
    labels = tmp_path / "labels.csv"
    labels.write_text("shop_id,t\n1,yesterday\n")
    result = run(labels, "--features", "shop_spend", "--timestamp", "t", "--out", out)
    assert result.exit_code == 1
    assert "error[MF063]" in result.stderr
    assert out.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.csv", "train.parquet"]


def test_where_it_cannot_write(run: Any, root: Path, tmp_path: Path) -> None:
    result = run(root / LABEL_FILE, *WANTED, "--out", tmp_path / "train.xls")
    assert result.exit_code == 1
    assert "error[MF065]: cannot tell the format of" in result.stderr
    result = run(root / LABEL_FILE, *WANTED, "--out", tmp_path / "no" / "train.csv")
    assert result.exit_code == 1
    assert "error[MF065]: cannot write" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((LABEL_FILE,), "name at least one feature, such as --features customer_spend"),
        ((LABEL_FILE, *WANTED, "--json"), "--json needs --out"),
        (
            (LABEL_FILE, "--features", "spend", "--timestamp-format", "%Y"),
            "--timestamp-format needs --timestamp",
        ),
        ((), "Missing argument 'LABELS'"),
    ],
)
def test_usage(run: Any, arguments: tuple[str, ...], said: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_lists(root: Path) -> None:
    def invoke(*arguments: str) -> str:
        result = CliRunner().invoke(main, ["--project-dir", str(root), *arguments])
        assert result.exit_code == 0, result.output
        return result.stdout

    assert "train         labels  spend, shop_spend" in invoke("list", "training-sets")
    listed = json.loads(invoke("list", "training-sets", "--json"))["training_sets"]
    assert listed[0]["labels"] == {"source": "labels"}
    shown = invoke("inspect", "training-set", "train")
    assert "labels:        source labels" in shown
    assert "spend__amount_sum_7d" in shown
    found = json.loads(invoke("inspect", "training-set", "train", "--json"))["training_set"]
    assert found["features"] == ["spend", "shop_spend"]
    result = CliRunner().invoke(
        main, ["--project-dir", str(root), "inspect", "training-set", "trian"]
    )
    assert result.exit_code == 1
    assert "did you mean `train`?" in result.stderr
    assert "ttl:           1d" in invoke("inspect", "feature", "last")


NOTE = (
    "note: label times without an offset are read as UTC; source `sales` is in America/Chicago: "
    "--timezone?"
)


@pytest.fixture(scope="module")
def in_chicago(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of which one source has local times."""
    root = tmp_path_factory.mktemp("chicago")
    spec = deepcopy(SPEC)
    local = {"column": "at", "timezone": "America/Chicago"}
    spec["sources"].append({**spec["sources"][0], "name": "sales", "timestamp": local})
    spec["features"][0]["source"] = "sales"
    write_project(root, spec)
    write_parquet(root / "data" / "events.parquet", SCHEMA, ROWS)
    write_parquet(root / "data" / "labels.parquet", LABEL_SCHEMA, LABELS)
    (root / "feature_store").mkdir()
    with duckdb.connect(str(root / "feature_store" / "features.duckdb")) as connection:
        compile_and_run(root, connection=connection)
    return root


@pytest.mark.parametrize(
    ("time", "options", "noted"),
    [
        ("timestamp '2024-01-03'", ["spend"], True),
        ("date '2024-01-03'", ["shop_spend,spend:amount_sum_1d"], True),
        ("'2024-01-03 12:00'", ["spend"], True),
        ("'03.01.2024'", ["spend", "--timestamp-format", "%d.%m.%Y"], True),
        ("'03.01.2024 +0100'", ["spend", "--timestamp-format", "%d.%m.%Y %z"], False),
        ("1704240000", ["spend", "--timestamp-unit", "s"], False),
        ("timestamptz '2024-01-03 00:00+00'", ["spend"], False),
        ("timestamp '2024-01-03'", ["shop_spend"], False),
        ("timestamp '2024-01-03'", ["spend", "--timezone", "America/Chicago"], False),
        ("timestamp '2024-01-03'", ["spend", "--timezone", "UTC"], False),
    ],
)
def test_labels_in_utc_beside_local_events(
    in_chicago: Path, tmp_path: Path, time: str, options: list[str], noted: bool
) -> None:
    labels = tmp_path / "labels.parquet"
    row = f"select 'name 1' as first_name, date '2024-01-01' as born, 1 as shop_id, {time} as t"
    duckdb.connect().execute(f"copy ({row}) to '{labels}'")
    listed = ["training-data", str(labels), "--timestamp", "t", "--features", *options]
    result = CliRunner().invoke(main, ["--project-dir", str(in_chicago), *listed])
    assert result.exit_code == 0, result.stderr
    assert (result.stderr.splitlines()[0] == NOTE) is noted
    assert result.stderr.count("note: ") == noted
    assert (
        "note: "
        not in CliRunner().invoke(main, ["-q", "--project-dir", str(in_chicago), *listed]).stderr
    )
