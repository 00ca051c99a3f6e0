"""`pip install mlforge-sql` resolves to wheels alone, without a constraints file."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))


@pytest.mark.parametrize("extra", ["", "databricks", "postgres"])
def test_what_is_tested_is_what_may_be_installed(extra: str) -> None:
    wanted = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    versions = {name.lower().replace("_", "-"): version for name, version in pinned().items()}
    for requirement in map(Requirement, wanted):
        version = versions[requirement.name.lower()]
        assert requirement.specifier.contains(version, prereleases=True), requirement


@pytest.mark.functional
def test_it_resolves_in_an_empty_environment() -> None:
    asked = [*PIP, "index", "versions", "click"]
    if subprocess.run(asked, capture_output=True, check=False, timeout=120).returncode:
        pytest.skip("no package registry answers")
    resolve = [*PIP, "install", "--dry-run", "--ignore-installed", "--only-binary", ":all:"]
    run = subprocess.run(
        [*resolve, *PROJECT["dependencies"]],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert run.returncode == 0, run.stderr
    assert "Would install" in run.stdout
