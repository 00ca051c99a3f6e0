"""What a Python spec does to the process that reads it is put back, or told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from diagnostic_cases import BASE, write_data

from mlforge_sql.errors import SpecErrors, plain
from mlforge_sql.loading.load import load

FORK = "import os, sys\nif os.fork() == 0:\n    print('child')\n    sys.stdout.flush()\n"
HARMLESS = {
    "streams": "import sys\nprint('said')\nsys.stdout.close()\nsys.stderr.close()\n",
    "folder": "import os, tempfile\nos.chdir(tempfile.gettempdir())\n",
    "tracing": "import sys\nsys.settrace(lambda *_: 1 / 0)\n",
}


def write(root: Path, body: str) -> Path:
    (root / "data").mkdir(parents=True)
    write_data(root / "data" / "transactions.parquet")
    for name, text in {**BASE, "features/odd.py": body}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize("what", HARMLESS)
def test_what_a_file_changes_is_put_back(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(tmp_path, HARMLESS[what])
    before = Path.cwd(), sys.gettrace(), sys.getprofile(), os._exit
    assert load(root).sources
    assert (Path.cwd(), sys.gettrace(), sys.getprofile(), os._exit) == before
    assert not sys.stdout.closed
    assert not sys.stderr.closed
    if what == "streams":
        assert capsys.readouterr() == ("", "said\n")


@pytest.mark.parametrize("status", [0, 3])
def test_a_file_that_ends_the_process_is_told(status: int, tmp_path: Path) -> None:
    root = write(tmp_path, f"import os\n\nos._exit({status})\n")
    with pytest.raises(SpecErrors) as error:
        load(root)
    (problem,) = error.value.diagnostics
    assert plain(problem) == (
        f"features/odd.py:3:1: error[MF003]: the file raised SystemExit: {status}"
    )


def test_a_fork_does_not_compile(tmp_path: Path) -> None:
    root = write(tmp_path, FORK)
    command = [sys.executable, "-m", "mlforge_sql.cli", "--project-dir", str(root), "compile"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0
    assert run.stderr.count("child\n") == 1
    assert run.stderr.count("wrote in dbt/") == 1
