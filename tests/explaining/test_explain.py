"""What `mlforge explain` says of every code is true: wrong examples say it, right ones say nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from diagnostic_cases import BASE, Case, diagnostics, write_data

from mlforge_sql.cli import main
from mlforge_sql.errors import CODES
from mlforge_sql.explaining.problems import Problem, problems

ALL = list(problems().values())
SHOWN = [problem for problem in ALL if problem.bad]
DATABRICKS = "  prod:\n    offline_store: {KIND: unity_catalog, catalog: main, schema: features}\n"


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data") / "rows.parquet")


def said(problem: Problem, text: str, root: Path, data: Path) -> list[str]:
    files = {problem.file: text}
    if problem.databricks:
        files["mlforge.yaml"] = BASE["mlforge.yaml"] + DATABRICKS
        files["features/base.yml"] = BASE["features/base.yml"].replace(
            "timestamp: at", "timestamp: at, table: main.raw.transactions"
        )
    return diagnostics(Case(problem.code, files, {}, ()).write(root, data))


def test_every_code_is_explained() -> None:
    assert set(problems()) == set(CODES)
    assert len(SHOWN) > 45


@pytest.mark.parametrize("problem", SHOWN, ids=lambda problem: problem.code)
def test_the_wrong_example_says_the_code_and_nothing_else(
    problem: Problem, data: Path, tmp_path: Path
) -> None:
    found = said(problem, problem.bad, tmp_path / "bad", data)
    if problem.code in {"MF045", "MF170"}:  # warnings, which `compile_project` does not raise
        return
    assert found
    assert all(f"[{problem.code}]" in line for line in found), found
    assert all(line.startswith(f"{problem.file}:") for line in found), found


@pytest.mark.parametrize("problem", SHOWN, ids=lambda problem: problem.code)
def test_the_right_example_says_nothing(problem: Problem, data: Path, tmp_path: Path) -> None:
    assert said(problem, problem.good, tmp_path / "good", data) == []


@pytest.mark.parametrize("problem", ALL, ids=lambda problem: problem.code)
def test_an_explanation_is_whole(problem: Problem) -> None:
    if problem.bad:
        assert problem.why.endswith(".")
        assert problem.good
        assert not problem.when
    else:
        assert problem.when
        assert problem.do
        assert not problem.good
    result = CliRunner().invoke(main, ["explain", problem.code])
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{problem.code}: {problem.title}\n\n")
    prose = result.stdout.split("\nWrong, in")[0]
    assert max(len(line) for line in prose.splitlines() if " " in line) <= 80


@pytest.mark.parametrize("word", ["MF022", "mf022", "22", "[MF022]"])
def test_a_code_is_found_as_people_write_it(word: str) -> None:
    result = CliRunner().invoke(main, ["explain", word])
    assert result.stdout.startswith("MF022: unknown column\n")


def test_an_unknown_code_is_a_wrong_use() -> None:
    result = CliRunner().invoke(main, ["explain", "MF999"])
    assert result.exit_code == 2
    assert "unknown code `MF999`; did you mean" in result.stderr


def test_all_codes_are_listed() -> None:
    listed = CliRunner().invoke(main, ["explain"]).stdout
    assert all(f"{code}  {title}" in listed for code, title in CODES.items())
    found = json.loads(CliRunner().invoke(main, ["explain", "--json"]).stdout)
    assert [item["code"] for item in found["problems"]] == sorted(CODES)


def test_an_explanation_as_json() -> None:
    found = json.loads(CliRunner().invoke(main, ["explain", "MF020", "--json"]).stdout)["problem"]
    assert found["title"] == "unknown entity"
    assert "merchnt" in found["wrong"]
    assert "merchnt" not in found["right"]
