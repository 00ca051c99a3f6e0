"""The wheel, as `pip install mlforge-sql` would bring it: all of it is in, and it works by itself."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PIP = ["-m", "pip", "--disable-pip-version-check", "--no-input"]

pytestmark = [pytest.mark.slow, pytest.mark.functional]


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command that knows nothing of this checkout."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR")
    own = {name: value for name, value in os.environ.items() if name in kept or name[:4] == "PIP_"}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=own,
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built in an environment of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    asked = run(sys.executable, *PIP, "index", "versions", "hatchling", cwd=folder)
    if asked.returncode:
        pytest.skip("no package registry answers, and the wheel is built with hatchling from there")
    built = run(sys.executable, *PIP, "wheel", ROOT, "--no-deps", "-w", folder, cwd=folder)
    assert built.returncode == 0, built.stderr
    (file,) = folder.glob("mlforge_sql-*.whl")
    return file


def test_everything_is_in_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, inside in ((ROOT / "mlforge_sql", ""), (ROOT / "templates", "templates/")):
        for file in folder.rglob("*"):
            path = file.relative_to(folder)
            if file.is_file() and "__pycache__" not in path.parts and file.suffix != ".pyc":
                assert f"mlforge_sql/{inside}{path.as_posix()}" in names, path
    assert not [name for name in names if name.startswith(("tests/", "docs/", "benchmarks/"))]


def test_it_works_by_itself(wheel: Path, tmp_path: Path) -> None:
    """A fresh environment, no constraints: a project is started, built and read."""
    venv.create(tmp_path / "venv", with_pip=True)
    scripts = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    installed = run(scripts / "python", *PIP, "install", wheel, cwd=tmp_path)
    assert installed.returncode == 0, installed.stderr
    mlforge = scripts / "mlforge"
    assert run(mlforge, "--version", cwd=tmp_path).stdout.startswith("mlforge, version ")
    started = run(mlforge, "init", "shop", cwd=tmp_path)
    assert started.returncode == 0, started.stderr
    shop = tmp_path / "shop"
    built = run(mlforge, "build", cwd=shop)
    assert built.returncode == 0, built.stderr
    assert "tests passed" in built.stderr
    labels = ("data/labels.csv", "--timestamp", "label_time", "--features", "customer_spend")
    data = run(mlforge, "training-data", *labels, cwd=shop)
    assert data.returncode == 0, data.stderr
    assert len(data.stdout.splitlines()) == 121
    where = run(
        scripts / "python", "-c", "import mlforge_sql; print(mlforge_sql.__file__)", cwd=shop
    )
    assert Path(where.stdout.strip()).is_relative_to(tmp_path)
