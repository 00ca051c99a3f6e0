"""The command line: exit codes, stdout, stderr, JSON."""

from __future__ import annotations

import json
import os
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from click.testing import CliRunner, Result
from harness import CONFIG, write_parquet, write_project

from mlforge_sql.cli import main
from mlforge_sql.cli._render import fit
from mlforge_sql.dbt.write import write
from mlforge_sql.workflows.compile import compile_project

SCHEMA = {"customer_id": "VARCHAR", "paid_at": "TIMESTAMP", "amount": "DOUBLE"}
ROWS: list[dict[str, Any]] = [
    {"customer_id": "c1", "paid_at": datetime(2024, 1, 1, 12), "amount": 10.0},
    {"customer_id": "c1", "paid_at": datetime(2024, 1, 2, 9), "amount": 100.0},
    {"customer_id": "c2", "paid_at": datetime(2024, 1, 2, 9), "amount": 7.0},
]
SPEC: dict[str, Any] = {
    "entities": [{"name": "customer", "join_key": "customer_id"}],
    "sources": [{"name": "payments", "path": "data/payments.parquet", "timestamp": "paid_at"}],
    "features": [
        {
            "name": "spend",
            "description": "What a customer spends",
            "source": "payments",
            "entities": ["customer"],
            "interval": "1d",
            "tags": ["core", "money"],
            "metrics": [{"windows": ["1d", "7d"], "aggregations": {"amount": ["sum", "count"]}}],
            "validators": {"amount": [{"greater_than": 0}]},
        },
        {
            "name": "last_payment",
            "source": "payments",
            "entities": ["customer"],
            "tags": ["latest"],
            "select": {"last_amount": "amount"},
        },
    ],
}
TWO_PROFILES = {
    **CONFIG,
    "default_profile": "dev",
    "profiles": {
        **CONFIG["profiles"],
        "databricks": {
            "offline_store": {"KIND": "unity_catalog", "catalog": "main", "schema": "features"},
            "online_store": {"KIND": "databricks_online", "catalog": "main", "schema": "online"},
        },
    },
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = write_project(tmp_path / "shop", SPEC, TWO_PROFILES)
    write_parquet(root / "data" / "payments.parquet", SCHEMA, ROWS)
    return root


def call(project: Path, *arguments: str, **environment: str) -> Result:
    runner = CliRunner(env={"COLUMNS": "80", **environment})
    return runner.invoke(main, ["--project-dir", str(project), *arguments])


def listing(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def break_spec(project: Path) -> None:
    file = project / "features" / "spec.yml"
    text = file.read_text(encoding="utf-8")
    assert "- customer\n" in text
    file.write_text(text.replace("- customer\n", "- custmer\n", 1), encoding="utf-8")


def test_every_command_has_help(project: Path) -> None:
    listed = call(project, "--help")
    assert listed.exit_code == 0
    for command in ("compile", "build", "list", "inspect", "profile", "training-data", "audit"):
        assert f"  {command} " in listed.stdout
        helped = call(project, command, "--help")
        assert helped.exit_code == 0
        assert helped.stdout.startswith("Usage: ")
        assert max(map(len, helped.stdout.splitlines())) <= 80


def test_compile_writes_and_says_so(project: Path) -> None:
    first = call(project, "compile")
    assert (first.exit_code, first.stdout) == (0, "")
    files = listing(project / "dbt")
    assert (
        f"{len(files) - 1} created, 0 updated, 0 deleted, 0 unchanged" in first.stderr
    )  # the lock
    second = call(project, "compile")
    assert "0 created, 0 updated, 0 deleted" in second.stderr
    assert listing(project / "dbt") == files


def test_a_warning_is_shown_and_the_project_is_written(project: Path) -> None:
    file = project / "features" / "spec.yml"
    text = file.read_text(encoding="utf-8")
    assert "interval: 1d\n" in text
    file.write_text(
        text.replace("interval: 1d\n", "interval: 1d\n  ttl: 1d\n", 1), encoding="utf-8"
    )
    result = call(project, "compile")
    assert result.exit_code == 0
    assert "warning[MF045]: the ttl of 1d is shorter than the window of" in result.stderr
    assert "nothing was written" not in result.stderr
    assert (project / "dbt" / "dbt_project.yml").is_file()
    assert "warning" not in call(project, "-q", "compile").stderr


def test_dry_run_lists_files_and_writes_nothing(project: Path) -> None:
    result = call(project, "compile", "--dry-run")
    assert result.exit_code == 0
    assert "create dbt/models/features/spend.sql\n" in result.stdout
    assert not (project / "dbt").exists()


def test_check_exits_1_on_drift(project: Path) -> None:
    assert call(project, "compile", "--check").exit_code == 1
    assert not (project / "dbt").exists()
    call(project, "compile")
    assert call(project, "compile", "--check").exit_code == 0
    model = project / "dbt" / "models" / "features" / "spend.sql"
    model.write_text(model.read_text(encoding="utf-8") + "\n-- edited\n", encoding="utf-8")
    result = call(project, "compile", "--check")
    assert result.exit_code == 1
    assert result.stdout == "update dbt/models/features/spend.sql\n"
    assert "run `mlforge compile`" in result.stderr


def test_quiet_says_nothing(project: Path) -> None:
    result = CliRunner().invoke(main, ["--project-dir", str(project), "--quiet", "compile"])
    assert (result.exit_code, result.output) == (0, "")


def test_problems_show_the_line_and_exit_1(project: Path) -> None:
    break_spec(project)
    result = call(project, "compile")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "error[MF020]: unknown entity `custmer`\n  --> features/spec.yml:" in result.stderr
    assert "|   - custmer\n" in result.stderr
    assert "| " + " " * 4 + "^^^^^^^\n" in result.stderr
    assert "= did you mean `customer`?" in result.stderr
    assert result.stderr.endswith("1 error; nothing was written\n")
    assert not (project / "dbt").exists()
    assert "\x1b[" not in result.stderr


def test_messages_fit_80_columns(project: Path) -> None:
    break_spec(project)
    for arguments in (["compile"], ["build", "--features", "x" * 30], ["list", "features"]):
        result = call(project, *arguments)
        assert max((len(line) for line in result.output.splitlines()), default=0) <= 80


def test_usage_errors_exit_2(project: Path) -> None:
    assert call(project, "compile", "--nonsense").exit_code == 2
    assert call(project, "compil").exit_code == 2
    assert call(project, "inspect", "feature").exit_code == 2


def test_no_project(tmp_path: Path) -> None:
    result = call(tmp_path, "compile")
    assert result.exit_code == 1
    assert "error[MF004]: no `mlforge.yaml` here or in any folder above" in result.stderr


def test_project_is_found_from_inside(project: Path) -> None:
    assert call(project / "features", "compile", "--dry-run").exit_code == 0


def test_debug_shows_the_traceback(project: Path) -> None:
    break_spec(project)
    result = CliRunner().invoke(main, ["--project-dir", str(project), "--debug", "compile"])
    assert type(result.exception).__name__ == "SpecErrors"


def test_our_own_mistakes_exit_2(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_root: Path) -> None:
        raise RuntimeError("oops")

    monkeypatch.setattr("mlforge_sql.workflows.compile.compile_project", broken)
    result = call(project, "compile")
    assert result.exit_code == 2
    assert "internal error: RuntimeError: oops" in result.stderr
    assert "Traceback" not in result.stderr


def test_list_features(project: Path) -> None:
    table = call(project, "list", "features").stdout
    assert [line.split()[0] for line in table.splitlines()] == ["feature", "spend", "last_payment"]
    assert "continuous" in table
    tagged = call(project, "list", "features", "--tags", "core,latest", "--json")
    found = json.loads(tagged.stdout)
    assert found["version"] == 1
    assert [item["name"] for item in found["features"]] == ["spend", "last_payment"]
    assert found["features"][0]["interval"] == "1d"
    only = json.loads(call(project, "list", "features", "--tags", "core", "--json").stdout)
    assert [item["name"] for item in only["features"]] == ["spend"]


def test_list_features_with_an_unknown_tag(project: Path) -> None:
    result = call(project, "list", "features", "--tags", "cor")
    assert result.exit_code == 1
    assert "error[MF051]: no feature has the tag `cor`" in result.stderr
    assert "did you mean `core`?" in result.stderr


def test_inspect_feature(project: Path) -> None:
    text = call(project, "inspect", "feature", "spend").stdout
    assert "What a customer spends" in text
    assert "gridded: changes at ticks of 1d" in text
    assert "amount_sum_7d    double  sum of `amount` over the last 7d" in text
    found = json.loads(call(project, "inspect", "feature", "spend", "--json").stdout)["feature"]
    assert [item["name"] for item in found["columns"]] == [
        "amount_sum_1d",
        "amount_sum_7d",
        "amount_count_1d",
        "amount_count_7d",
    ]
    assert found["validators"] == [{"column": "amount", "rule": "greater_than 0"}]
    assert "merges:        2 = 1 + 1, 3 = 1 + 2, 6 = 3 + 3, 7 = 1 + 6" in text
    assert found["merges"] == ["2 = 1 + 1", "3 = 1 + 2", "6 = 3 + 3", "7 = 1 + 6"]
    latest = json.loads(call(project, "inspect", "feature", "last_payment", "--json").stdout)
    assert latest["feature"]["time"].startswith("continuous")
    assert latest["feature"]["merges"] == []


def test_inspect_an_unknown_feature(project: Path) -> None:
    result = call(project, "inspect", "feature", "spent")
    assert result.exit_code == 1
    assert "unknown feature `spent`" in result.stderr
    assert "did you mean `spend`?" in result.stderr


def test_profile(project: Path) -> None:
    text = call(project, "profile").stdout
    assert "dev (default)" in text
    assert "local: path ./feature_store" in text
    found = json.loads(call(project, "profile", "databricks", "--json").stdout)
    assert found["default"] == "dev"
    assert found["profiles"]["databricks"]["offline_store"]["KIND"] == "unity_catalog"
    missing = call(project, "profile", "databrick")
    assert missing.exit_code == 1
    assert "error[MF025]: unknown profile `databrick`" in missing.stderr


def test_build_refuses_what_it_cannot_do(project: Path) -> None:
    assert "error[MF025]" in call(project, "build", "--profile", "prod").stderr
    assert "error[MF051]" in call(project, "build", "--features", "nope").stderr
    assert not (project / "dbt").exists()


def test_tables_fit() -> None:
    assert sum(fit([50, 60, 70, 3], 80)) + 6 == 80
    assert fit([5, 6], 80) == [5, 6]


def tables(project: Path) -> set[str]:
    with duckdb.connect(
        str(project / "feature_store" / "features.duckdb"), read_only=True
    ) as found:
        rows = found.execute("select table_name from information_schema.tables").fetchall()
    return {str(row[0]) for row in rows}


@pytest.mark.functional
def test_build_chosen_features_then_all(project: Path) -> None:
    result = call(project, "build", "--features", "last_payment")
    assert result.exit_code == 0, result.output
    assert "last_payment_current" in tables(project)
    assert "spend" not in tables(project)
    assert "models built" in result.stderr

    result = call(project, "build", "--tags", "core", "--full-refresh")
    assert result.exit_code == 0, result.output
    assert {"spend", "spend_current", "_mlforge_metadata"} <= tables(project)
    assert result.stdout == ""


@pytest.mark.functional
def test_build_shows_failed_validators_readably(project: Path) -> None:
    bad = [*ROWS, {**ROWS[0], "amount": -1.0}, {**ROWS[0], "customer_id": None}]
    write_parquet(project / "data" / "payments.parquet", SCHEMA, bad)
    result = call(project, "build", NO_COLOR="1")
    assert result.exit_code == 1
    assert "error: int_spend__input: `amount` greater_than 0: 1 row\n" in result.stderr
    left_out = "left out, without `customer_id` or a finite `paid_at`: 1 row\n"
    assert f"warning: int_spend__input: {left_out}" in result.stderr
    assert " tests passed, 2 warned; the build failed\n" in result.stderr
    assert "not built, because of what failed before:\n  spend, spend_current\n" in result.stderr
    assert "the build failed" in result.stderr
    assert "\x1b[" not in result.stderr
    assert "spend" not in tables(project)
    assert "last_payment" in tables(project)


@pytest.mark.functional
def test_build_shows_dbt_errors_readably(project: Path) -> None:
    call(project, "compile")
    (project / "dbt" / "models" / "mine.sql").write_text(
        "select 1 as x from nowhere", encoding="utf-8"
    )
    result = call(project, "build")
    assert result.exit_code == 1
    assert "error: model `mine`" in result.stderr
    assert "nowhere" in result.stderr
    (project / "dbt" / "models" / "mine.sql").write_text("{{ ref('gone') }}", encoding="utf-8")
    result = call(project, "build")
    assert result.exit_code == 1
    assert "gone" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.functional
def test_build_passes_arguments_to_dbt(project: Path) -> None:
    result = call(project, "build", "--", "--vars", "{as_of: 2024-01-02}")
    assert result.exit_code == 0, result.output
    with duckdb.connect(
        str(project / "feature_store" / "features.duckdb"), read_only=True
    ) as found:
        rows = found.execute("select customer_id, amount_sum_7d from spend_current").fetchall()
    assert rows == [("c1", 10.0)]
    assert os.environ.get("MLFORGE_PROJECT_DIR") is None


@pytest.mark.functional
def test_build_shows_no_traceback_of_dbt(project: Path) -> None:
    (project / "feature_store").mkdir()
    (project / "feature_store" / "features.duckdb").write_text("not a database" * 100)
    result = call(project, "build")
    assert result.exit_code == 1
    assert "Traceback" not in result.stderr
    assert "features.duckdb" in result.stderr


@pytest.mark.functional
def test_build_finds_results_wherever_dbt_was_told_to_write(project: Path) -> None:
    result = call(project, "build", DBT_TARGET_PATH=str(project / "elsewhere"))
    assert result.exit_code == 0, result.output
    assert "0 models" not in result.stderr


def test_an_interrupted_write_is_finished_even_when_a_spec_is_broken(project: Path) -> None:
    """What was decided holds: dbt is not left without a project until the spec is mended."""
    compiled = compile_project(project)

    def killed(step: str) -> None:
        if step == "put dbt_project.yml in place":
            raise SystemExit

    with pytest.raises(SystemExit):
        write(compiled.folder, compiled.files, killed)
    assert not (project / "dbt" / "dbt_project.yml").exists()
    break_spec(project)
    assert call(project, "compile").exit_code == 1
    for path, text in compiled.files.items():
        assert (project / "dbt" / path).read_text(encoding="utf-8") == text


def test_no_name_is_broken_at_80_columns(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Descriptions stand below, where they have no room beside the names."""
    monkeypatch.setenv("COLUMNS", "80")
    name = "a_feature_with_quite_a_long_name"
    file = project / "features" / "spec.yml"
    spec = yaml.safe_load(file.read_text(encoding="utf-8"))
    spec["features"][0] |= {"name": name, "description": "Words that need room. " * 6}
    file.write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")
    listed = call(project, "list", "features").stdout.splitlines()
    assert any(line.startswith(f"{name} ") for line in listed)
    assert max(map(len, listed)) <= 80
    assert any(line.startswith("    Words that need room.") for line in listed)


READING = (
    ("list", "features", "--tags", "nope"),
    ("inspect", "feature", "nope"),
    ("inspect", "training-set", "nope"),
    ("profile", "nope"),
    ("columns", "nope"),
    ("online", "get", "--features", "nope", "--entity", "customer_id=1"),
    ("online", "status", "--features", "nope"),
)


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_what_only_reads_says_nothing_of_writing(project: Path, arguments: tuple[str, ...]) -> None:
    result = call(project, *arguments)
    assert result.exit_code == 1
    assert "nope" in result.stderr
    assert "nothing was written" not in result.stderr


@pytest.mark.parametrize("command", ["compile", "build"])
def test_what_writes_says_that_nothing_was_written(project: Path, command: str) -> None:
    break_spec(project)
    assert call(project, command).stderr.endswith("1 error; nothing was written\n")


def test_talk_fits_80_columns(project: Path) -> None:
    first = call(project, "compile")
    second = call(project, "compile")
    for line in (*first.stderr.splitlines(), *second.stderr.splitlines()):
        assert len(line) <= 80
    assert "0 deleted" in " ".join(first.stderr.split())


def test_what_is_inspected_fits_80_columns(project: Path) -> None:
    result = call(project, "inspect", "feature", "spend")
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "models:" in result.stdout


def test_a_long_line_goes_on_below_what_it_says(project: Path) -> None:
    file = project / "features" / "spec.yml"
    text = file.read_text(encoding="utf-8")
    windows = [f"{days}d" for days in (1, 2, 4, 8, 16, 32, 64, 128, 256)]
    spec = yaml.safe_load(text)
    spec["features"][0]["metrics"][0]["windows"] = windows
    file.write_text(yaml.safe_dump(spec), "utf-8")
    result = call(project, "inspect", "feature", "spend")
    (merges,) = re.findall(r"(?m)^merges: +(.*\n(?: .*\n)*)", result.stdout)
    assert "\n             " in merges
    assert all(len(line) <= 80 for line in merges.splitlines())


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("data/payment.parquet", "data/payments.parquet"),
        ("dat/payments.parquet", "data/payments.parquet"),
        ("data/paymentss.parquet", "data/payments.parquet"),
        ("dta/*.parquet", "data/*.parquet"),
        ("data/zzz.parquet", None),
        ("elsewhere/zzz.parquet", None),
    ],
)
def test_a_file_that_is_nearly_there(project: Path, path: str, meant: str | None) -> None:
    file = project / "features" / "spec.yml"
    text = file.read_text(encoding="utf-8")
    assert "path: data/payments.parquet\n" in text
    file.write_text(text.replace("path: data/payments.parquet\n", f"path: {path}\n"), "utf-8")
    said = " ".join(call(project, "compile").stderr.split())
    assert f"error[MF023]: no file matches `{path}`" in said
    if meant is None:
        assert "= create the file, or declare `columns:` with their types" in said
    else:
        assert f"= did you mean `{meant}`?" in said
