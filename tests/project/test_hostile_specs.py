"""Whatever a spec says or does: exit 1, a code and a place; never a traceback, never exit 2."""

from __future__ import annotations

import random
from pathlib import Path

import harness
import pytest
import yaml
from click.testing import CliRunner, Result
from diagnostic_cases import BASE, write_data
from examples import profile
from fuzzing import Workshop, draw, fuzz
from harness import write_project

from mlforge_sql.cli import main
from mlforge_sql.workflows.compile import compile_project

FUZZED = 3000 if profile() == "long" else 100
CONFIG = BASE["mlforge.yaml"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data") / "rows.parquet")


def compiled(root: Path, files: dict[str, str], data: Path) -> Result:
    (root / "data").mkdir(parents=True)
    (root / "data" / "transactions.parquet").write_bytes(data.read_bytes())
    for name, text in {**BASE, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    return CliRunner().invoke(main, ["--project-dir", str(root), "compile"])


YAML = {
    "!!bool maybe": "`maybe` is no bool",
    "!!bool ''": "`` is no bool",
    "!!int x": "`x` is no int",
    "!!int ''": "`` is no int",
    "!!int 0b": "`0b` is no int",
    "!!float x": "`x` is no float",
    "!!float ''": "`` is no float",
    "1" * 5000: f"`{'1' * 497}...` is no int",
}


@pytest.mark.parametrize("value", YAML, ids=lambda value: value[:12])
def test_values_that_only_yaml_can_write(value: str, data: Path, tmp_path: Path) -> None:
    told = compiled(tmp_path, {"features/bad.yml": f"features: []\nentities: {value}\n"}, data)
    assert told.exit_code == 1
    said = " ".join(told.stderr.split())
    assert f"error[MF001]: broken YAML: {YAML[value]} --> features/bad.yml:2:11" in said


def test_a_number_of_thousands_of_digits(data: Path, tmp_path: Path) -> None:
    number = "0x" + "f" * 5000
    told = compiled(tmp_path, {"features/bad.yml": f"features:\n- name: {number}\n"}, data)
    assert told.exit_code == 1
    assert "--> features/bad.yml:2:9" in told.stderr
    assert "a Python object, int" in " ".join(told.stderr.split())


@pytest.mark.parametrize("key", ["dbt_project_dir", "features_dir", "path"])
def test_nul_in_the_names_of_folders(key: str, data: Path, tmp_path: Path) -> None:
    config = CONFIG.replace("./feature_store", "a\\0b") if key == "path" else CONFIG
    config = config.replace("path: a", 'path: "a').replace("0b}", '0b"}')
    config += "" if key == "path" else f'{key}: "a\\0b"\n'
    told = compiled(tmp_path, {"mlforge.yaml": config}, data)
    assert told.exit_code == 1
    assert "error[MF012]: a folder's name has a NUL character" in " ".join(told.stderr.split())
    line = 4 if key == "path" else 5
    assert f"--> mlforge.yaml:{line}:" in told.stderr


RAISING = {
    "raise GeneratorExit('x')": "GeneratorExit: x",
    "raise KeyboardInterrupt": "KeyboardInterrupt",
    "raise SystemExit(3)": "SystemExit: 3",
    "class E(BaseException): pass\nraise E('a\\x1b[31m')": "E: a\\x1b[31m",
    "class E(Exception):\n    def __str__(self): raise ValueError\nraise E": "E: a Python object, E",
    "class E(Exception):\n    def __str__(self): raise SystemExit\nraise E": "E: a Python object, E",
    "class E(Exception):\n    def __str__(self): return 3\nraise E": "E: a Python object, E",
    "def f(): f()\nf()": "RecursionError: maximum recursion depth exceeded",
    "import sys; sys.setrecursionlimit(200)\nraise OSError": "OSError",
    "raise ExceptionGroup('many', [OSError(1)])": "ExceptionGroup: many (1 sub-exception)",
}


@pytest.mark.parametrize("body", RAISING)
def test_python_that_raises_anything(body: str, data: Path, tmp_path: Path) -> None:
    told = compiled(tmp_path, {"features/bad.py": body + "\n"}, data)
    assert told.exit_code == 1
    said = " ".join(told.stderr.split())
    line = 1 if body.startswith("def f") else body.count("\n") + 1
    assert f"error[MF003]: the file raised {RAISING[body]} --> features/bad.py:{line}:1" in said


def test_half_a_character(data: Path, tmp_path: Path) -> None:
    body = "import mlforge_sql as mlf\nmlf.Entity(name='\\ud800', join_key='k')\n"
    told = compiled(tmp_path, {"features/bad.py": body}, data)
    assert told.exit_code == 1
    said = " ".join(told.stderr.split())
    assert "error[MF012]: a text has half of a surrogate pair" in said
    assert "--> features/bad.py:2:1" in said


@pytest.mark.parametrize("name", ["a\nb.yml", "\x1b[31m.yml", "\u2028.yml"])
def test_names_of_files_stay_in_their_line(name: str, data: Path, tmp_path: Path) -> None:
    told = compiled(tmp_path, {f"features/{name}": "features: 3\n"}, data)
    assert told.exit_code == 1
    shown = name.encode("unicode_escape").decode()
    assert f"\n  --> features/{shown}:1:11\n" in told.stderr


@pytest.mark.slow
def test_fuzzed_projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``make fuzz`` runs thousands; here some, other ones each time."""
    monkeypatch.setenv("HOME", str(tmp_path))
    first = random.SystemRandom().randrange(10**9)
    told: list[str] = []
    kinds, faults = fuzz(Workshop(tmp_path), first, FUZZED, 1, told.append)
    assert not faults
    assert (kinds["compiled"] + kinds["refused late"]) * 2 >= FUZZED - kinds["not written"]


def test_a_seed_is_a_case() -> None:
    for seed in range(20):
        one, two = draw(seed), draw(seed)
        assert (one.config, one.specs, one.python, one.notes) == (
            (two.config, two.specs, two.python, two.notes)
        )


NUMBER = "0x" + "f" * 5000


@pytest.mark.parametrize(
    "line", [f"validators: {{amount: [{{less_than: {NUMBER}}}]}}", f"version: {NUMBER}"]
)
def test_numbers_that_cannot_be_written_down(line: str, data: Path, tmp_path: Path) -> None:
    head = "features:\n- name: f\n  source: transactions\n  entities: merchant\n  select: {x: amount}\n"
    told = compiled(tmp_path, {"features/bad.yml": f"{head}  {line}\n"}, data)
    assert told.exit_code == 1
    said = " ".join(told.stderr.split())
    assert "error[MF012]: the number has more digits than any column has room for" in said
    assert "--> features/bad.yml:6:" in said


def test_a_project_without_features_names_no_folder_without_models(tmp_path: Path) -> None:
    """dbt warns of those, and `--warn-error` makes an error of it."""
    spec = {"entities": [{"name": "user", "join_key": "user_id"}]}
    files = compile_project(write_project(tmp_path, spec, harness.CONFIG)).files
    texts = {str(path): text for path, text in files.items()}
    written = yaml.safe_load(texts["dbt_project.yml"])
    assert written["models"] == {written["name"]: {}}
    assert not [name for name in texts if name.startswith("models/") and name.endswith(".sql")]
