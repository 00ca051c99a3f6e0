"""``mlforge init NAME``: a project that builds as it is, and nothing that was there is touched."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import yaml
from click.testing import CliRunner, Result

from mlforge_sql.cli import main
from mlforge_sql.dbt.templates import template_files
from mlforge_sql.loading.load import load
from mlforge_sql.starting.sample import sample_files
from mlforge_sql.starting.scaffold import starter_files


def call(folder: Path, *arguments: str) -> Result:
    runner = CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1"})
    return runner.invoke(main, ["--project-dir", str(folder), *arguments])


def listing(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after the three commands."""
    folder = tmp_path_factory.mktemp("empty")
    started = call(folder, "init", "my-shop")
    assert started.exit_code == 0, started.output
    assert started.stdout == ""
    assert started.stderr.endswith("\nnext:\n  cd my-shop\n  mlforge build\n")
    root = folder / "my-shop"
    for command in ("compile", "build"):
        result = call(root, command)
        assert result.exit_code == 0, result.output
        assert not re.search("warning|error", result.output)
    return root


@pytest.mark.functional
def test_it_builds_green(built: Path) -> None:
    with duckdb.connect(str(built / "feature_store" / "features.duckdb")) as connection:
        rows = connection.sql(
            "select count(*), count(customer_spend__amount_sum_30d),"
            " count(customer_last_order__last_amount) from reorder_training"
        ).fetchall()
    ((labels, spent, last),) = rows
    assert labels == 120
    assert (
        60 < spent < last <= 120
    )  # who ever ordered has a last order, but perhaps none of 30 days


@pytest.mark.functional
def test_its_workflow_is_green(built: Path) -> None:
    file = built / ".github" / "workflows" / "features.yml"
    steps = yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"]["features"]["steps"]
    commands = [step["run"].split() for step in steps if "run" in step]
    assert [words[:2] for words in commands] == [
        ["pip", "install"],
        ["mlforge", "compile"],
        ["mlforge", "build"],
        ["mlforge", "audit"],
    ]
    for words in (commands[1], commands[3]):
        result = call(built, *words[1:])
        assert result.exit_code == 0, result.output


@pytest.mark.functional
def test_its_readme_is_true(built: Path) -> None:
    text = (built / "README.md").read_text(encoding="utf-8")
    exports = re.search(r"^mlforge (training-data .*)$", text, re.MULTILINE)
    assert exports
    result = CliRunner().invoke(main, ["--project-dir", str(built), *_in(built, exports[1])])
    assert result.exit_code == 0, result.output
    assert result.stdout.count("\n") == 121
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert code
    script = f"{code[1]}assert train.num_rows == 120, train.num_rows\n"
    subprocess.run([sys.executable, "-c", script], cwd=built, check=True, timeout=120)
    files = set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))
    assert all((built / name).exists() for name in files)


def _in(root: Path, command: str) -> list[str]:
    return [str(root / word) if word.startswith("data/") else word for word in command.split()]


@pytest.mark.functional
def test_git_sees_only_what_is_to_be_committed(built: Path) -> None:
    git = ["git", "-C", str(built)]
    subprocess.run([*git, "init", "-q"], check=True)
    seen = subprocess.run(
        [*git, "ls-files", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert "dbt/models/features/customer_spend.sql" in seen
    made = [path for path in seen if re.search(r"feature_store|target/|logs/|\.user|pycache", path)]
    assert not made


def test_the_data_is_the_same_each_time_and_small() -> None:
    first = sample_files()
    assert first == sample_files()
    assert sum(map(len, first.values())) < 50_000


@pytest.mark.parametrize(
    ("folder", "name"),
    [("shop", "shop"), ("a/b-c", "b_c"), ("2024", "project_2024"), ("dbt", "dbt_features")],
)
def test_the_folder_names_the_project(tmp_path: Path, folder: str, name: str) -> None:
    assert call(tmp_path, "init", folder).exit_code == 0
    assert load(tmp_path / folder).config.spec.name == name


def test_a_folder_that_is_there_keeps_its_files(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    assert call(tmp_path, "-q", "init", ".").output == ""
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert load(tmp_path).features


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    (root / "features").mkdir(parents=True)
    (root / "README.md").write_text("mine", encoding="utf-8")
    (root / "features" / "sources.yml").write_text("", encoding="utf-8")
    before = listing(root)
    result = call(tmp_path, "init", "shop")
    assert result.exit_code == 1
    assert result.stderr == (
        "error[MF158]: `shop` already has `README.md`, `features/sources.yml`\n"
        "  = name a folder that is not there yet, or move them away\n\n"
        "1 error; nothing was written\n"
    )
    assert listing(root) == before


def test_many_files_in_the_way_are_counted(tmp_path: Path) -> None:
    assert call(tmp_path, "init", "shop").exit_code == 0
    result = call(tmp_path, "init", "shop")
    assert result.exit_code == 1
    more = len(starter_files("shop")) - 5
    assert f"and {more} more" in " ".join(result.stderr.split())


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("", encoding="utf-8")
    result = call(tmp_path, "init", "shop")
    assert result.exit_code == 1
    assert result.stderr.startswith("error[MF053]: cannot write `shop`: ")


def test_what_pip_compiles_is_no_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = tmp_path / "init" / "__pycache__" / "products.cpython-311.pyc"
    compiled.parent.mkdir(parents=True)
    compiled.write_bytes(b"\xa7\r\r\n")
    (tmp_path / "init" / "mlforge.yaml").write_text("name: PROJECT\n", encoding="utf-8")
    monkeypatch.setattr("mlforge_sql.dbt.templates.template_root", lambda: tmp_path)
    assert [str(path) for path in template_files("init")] == ["mlforge.yaml"]
