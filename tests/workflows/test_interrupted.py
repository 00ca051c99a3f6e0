"""Builds at once, builds that are killed or interrupted: nothing runs on, nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import kills
import pytest
import served
from harness import CONFIG, write_parquet, write_project

from mlforge_sql.dbt.artifacts import publish
from mlforge_sql.dbt.holding import conflict, held
from mlforge_sql.errors import SpecErrors, plain
from mlforge_sql.scratch import scratch, sweep

SPEC = {
    "entities": [{"name": "user", "join_key": "user_id"}],
    "sources": [{"name": "events", "path": "data/events.parquet", "timestamp": "at"}],
    "features": [
        {
            "name": "spend",
            "source": "events",
            "entities": ["user"],
            "interval": "1d",
            "metrics": [{"windows": ["7d", "30d"], "aggregations": {"amount": ["sum", "std"]}}],
        }
    ],
}
HOLD = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.readline()
connection.close()
print("closed", flush=True)
sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that takes a while to build."""
    root = write_project(tmp_path_factory.mktemp("interrupted"), SPEC, CONFIG)
    schema = {"user_id": "BIGINT", "at": "TIMESTAMP", "amount": "DOUBLE"}
    write_parquet(root / "data" / "events.parquet", schema, [])
    with duckdb.connect() as connection:
        connection.execute(
            "copy (select i % 500 as user_id, timestamp '2024-01-01' + interval (i * 3) minute as at, "
            "(i % 97)::double as amount from range(100000) as t(i)) "
            f"to '{root}/data/events.parquet' (format parquet)"
        )
    return root


def start(root: Path, *arguments: str) -> subprocess.Popen[str]:
    # a shell that starts the tests in the background has them ignore it, and so would the command
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    command = [sys.executable, "-m", "mlforge_sql.cli", "--project-dir", str(root), *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)


@contextlib.contextmanager
def holder(file: Path) -> Iterator[subprocess.Popen[str]]:
    """Another program that has a DuckDB file open."""
    command = [sys.executable, "-c", HOLD, str(file)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
        process.kill()
        process.communicate()


def children(process: subprocess.Popen[str]) -> list[int]:
    with contextlib.suppress(OSError):
        tasks = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        return [int(pid) for pid in tasks.read_text().split()]
    return []


def manifests(root: Path) -> set[Path]:
    """What runs of dbt write when they have read the project."""
    return set((root / "dbt/target").glob("mlforge_run_*/manifest.json"))


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with contextlib.suppress(OSError):
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    return True


def wait_for(what: Any, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "in vain"
        time.sleep(0.05)


# Who has the file


def test_a_file_in_use_is_told_with_its_holder(tmp_path: Path) -> None:
    file = tmp_path / "features.duckdb"
    duckdb.connect(file).close()
    with holder(file) as other:
        with pytest.raises(SpecErrors) as error, held(file, 0, lambda _: None):
            pass
        (problem,) = error.value.diagnostics
        assert re.fullmatch(
            rf"error\[MF144\]: `features.duckdb` cannot be written: process {other.pid} \(.+\) has it "
            r"open; close that program or let it end; `--wait SECONDS` waits for it",
            plain(problem),
        )
        with pytest.raises(duckdb.IOException) as refused:
            duckdb.connect(file)
        told = conflict(str(refused.value))
        assert told == problem


def test_waiting_ends_when_the_file_is_free(tmp_path: Path) -> None:
    file = tmp_path / "features.duckdb"
    duckdb.connect(file).close()
    said: list[str] = []
    with holder(file) as other:

        def go_on(text: str) -> None:
            said.append(text)
            assert other.stdin is not None
            other.stdin.write("\n")
            other.stdin.flush()

        with held(file, 30, go_on):
            duckdb.connect(file).close()
        assert re.fullmatch(
            rf"waiting up to 30 s for features.duckdb: process {other.pid} \(.+\) has it open",
            said[0],
        )
    assert len(said) == 1


def test_builds_take_turns(tmp_path: Path) -> None:
    file = tmp_path / "features.duckdb"
    with held(file, 0, lambda _: None):
        started = time.monotonic()
        with pytest.raises(SpecErrors) as error, held(file, 0.5, lambda _: None):
            pass
        assert time.monotonic() - started > 0.4
        assert f"another mlforge, process {os.getpid()} (" in plain(error.value.diagnostics[0])
    with held(file, 0, lambda _: None):
        pass


def test_what_a_killed_duckdb_has_spilled_goes(tmp_path: Path) -> None:
    file, spilled = tmp_path / "features.duckdb", tmp_path / "features.duckdb.tmp"
    spilled.mkdir()
    (spilled / "duckdb_temp_storage_DEFAULT-0.tmp").write_text("rows")
    (spilled / "mine.txt").write_text("mine")
    with held(file, 0, lambda _: None):
        assert [item.name for item in spilled.iterdir()] == ["mine.txt"]
    (spilled / "mine.txt").unlink()
    with held(file, 0, lambda _: None):
        assert not spilled.exists()


def test_asking_for_the_holder_keeps_our_own_locks(tmp_path: Path) -> None:
    """A process that closes a file loses its locks on it, whoever took them."""
    file = tmp_path / "features.duckdb"
    with duckdb.connect(file) as connection:
        connection.execute("create table t as select 1")
        with pytest.raises(SpecErrors), held(file, 0, lambda _: None):
            pass
        command = [
            sys.executable,
            "-c",
            "import duckdb, sys; duckdb.connect(sys.argv[1])",
            str(file),
        ]
        assert subprocess.run(command, capture_output=True, check=False).returncode != 0


# Killed and interrupted builds


@pytest.mark.functional
@pytest.mark.parametrize(
    ("command", "number"),
    [
        ("build", signal.SIGINT),
        ("build", signal.SIGTERM),
        ("build", signal.SIGHUP),
        ("build", signal.SIGKILL),
        ("audit", signal.SIGINT),
        ("audit", signal.SIGTERM),
    ],
    ids=str,
)
def test_an_ended_command_leaves_nothing_running(
    root: Path, command: str, number: signal.Signals
) -> None:
    if command == "audit":
        served.rebuild(root, "run_1", datetime(2024, 1, 1))
    before = manifests(root)
    build = start(root, command)
    wait_for(lambda: manifests(root) - before)
    (dbt,) = [pid for pid in children(build) if lives(pid)]
    build.send_signal(number)
    said = build.communicate(timeout=30)[1]
    wait_for(lambda: not lives(dbt), 10)
    if number != signal.SIGKILL:
        word = "interrupted" if number == signal.SIGINT else f"ended by {number.name}"
        assert build.returncode == 128 + number
        assert said.splitlines()[-1] == f"{word}: nothing of it runs any more"
        assert "Traceback" not in said
        assert not list((root / "dbt/target").glob("mlforge_run_*"))
    else:
        assert build.returncode == -number
        assert list((root / "dbt/target").glob("mlforge_run_*"))
    assert not (root / "dbt/target/run_results.json").exists()


SLEEPS = """
import time
print("asleep")
try:
    time.sleep(60)
except Exception:
    pass
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_python_spec_is_no_way_around_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    project = write_project(tmp_path, SPEC, CONFIG)
    (project / "features" / "sleeps.py").write_text(SLEEPS)
    process = start(project, "compile")
    assert process.stderr is not None
    assert process.stderr.readline() == "asleep\n"
    process.send_signal(number)
    said = process.communicate(timeout=30)[1]
    word = "interrupted" if number == signal.SIGINT else f"ended by {number.name}"
    assert said == f"{word}: nothing of it runs any more\n"
    assert process.returncode == 128 + number
    assert not (project / "dbt").exists()


@pytest.mark.functional
def test_the_next_build_waits_builds_and_tidies_up(root: Path) -> None:
    (root / "feature_store").mkdir(exist_ok=True)
    with holder(root / "feature_store" / "features.duckdb") as other:
        refused = start(root, "build")
        said = " ".join(refused.communicate(timeout=60)[1].split())
        assert refused.returncode == 1
        assert f"`features.duckdb` cannot be written: process {other.pid} (" in said
        assert "1 error; nothing was written" in said
        waiting = start(root, "build", "--wait", "60")
        assert waiting.stderr is not None
        assert "waiting up to 60 s for features.duckdb" in waiting.stderr.readline()
    said = waiting.communicate(timeout=120)[1]
    assert waiting.returncode == 0, said
    assert "tests passed" in said.splitlines()[-1]
    assert not list((root / "dbt/target").glob("mlforge_run_*"))
    assert (root / "dbt/target/run_results.json").is_file()
    with duckdb.connect(root / "feature_store" / "features.duckdb", read_only=True) as connection:
        tables = {
            str(row[0]) for row in connection.execute("select name from (show tables)").fetchall()
        }
    assert {"spend", "spend_current"} <= tables
    assert not [name for name in tables if "__dbt_" in name]


def test_results_are_those_of_the_run(tmp_path: Path) -> None:
    """What a run wrote replaces what the last one wrote, folder by folder."""
    own, target = tmp_path / "own", tmp_path / "target"
    for folder, name in ((own, "new.sql"), (target, "old.sql")):
        (folder / "compiled").mkdir(parents=True)
        (folder / "compiled" / name).write_text("select 1")
        (folder / "run_results.json").write_text(name)
    (target / "mine.txt").write_text("mine")
    publish(own, target)
    assert (target / "run_results.json").read_text() == "new.sql"
    assert [item.name for item in (target / "compiled").iterdir()] == ["new.sql"]
    assert (target / "mine.txt").read_text() == "mine"
    assert not list(own.iterdir())


def test_killed_compiles(tmp_path: Path) -> None:
    """``make kills`` has more of them, and builds and exports as well."""
    found = kills.run(tmp_path, compiles=2, builds=0, exports=0, seed=random.randrange(10**9))
    assert found["compile"]["killed"] + found["compile"][kills.WHOLE] == 2


# Folders of work


LIVE = """
import sys, time
from pathlib import Path
from mlforge_sql.scratch import scratch
with scratch(Path(sys.argv[1]), "x_") as folder:
    (folder / "rows").write_text("secret")
    print(folder, flush=True)
    time.sleep(60)
"""


def test_folders_of_dead_processes_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    for name in ("x_notes", "x_", "x_abcdefgh.txt", "y_abcdefgh"):
        (tmp_path / name).mkdir()
    (tmp_path / "x_abcdefgh").write_text("a file")
    (tmp_path / "x_link4567").symlink_to(tmp_path / "x_notes")
    mine = {item.name for item in tmp_path.iterdir()}
    command = [sys.executable, "-c", LIVE, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    runs = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    ]
    folders = [Path(run.stdout.readline().strip()) for run in runs if run.stdout]
    with scratch(tmp_path, "x_") as own:
        assert own.is_dir()
        assert all(folder.is_dir() for folder in folders)
        runs[0].kill()
        runs[0].wait()
        os.utime(folders[1], (0, 0))  # however old it is
        sweep(tmp_path, "x_")
        assert [folder.is_dir() for folder in (own, *folders)] == [True, False, True]
    for run in runs:
        run.kill()
        run.communicate()
    sweep(tmp_path, "x_")
    assert {item.name for item in tmp_path.iterdir()} == mine
    shutil.rmtree(tmp_path / "x_notes")
