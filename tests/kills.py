"""Commands killed at random points: the state is the old or the new one, and the next run repairs all.

    python tests/kills.py [compiles] [builds] [training sets] [seed]

Each is a process of its own that gets SIGKILL. Two versions of a small project take turns.
``tests/online/test_kill.py`` does the same with syncs to Postgres.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import CONFIG, write_parquet, write_project

from mlforge_sql.workflows.compile import compile_project

EVENTS = 60_000
LABELS = 400_000
WHOLE = "ended before it was killed"


def spec(version: int) -> dict[str, Any]:
    """The project; its two versions differ in values, and in which features there are."""
    features: list[dict[str, Any]] = [
        {
            "name": name,
            "source": "events",
            "entities": ["user"],
            "interval": "1d",
            "metrics": [{"windows": ["7d", "30d"], "aggregations": {"amount": ["sum", "max"]}}],
        }
        for name in ("spend", f"only_{version}", "more")
    ]
    features.append(
        {
            "name": "last",
            "source": "events",
            "entities": ["user"],
            "select": {"x": f"amount * {version}"},
        }
    )
    return {
        "entities": [{"name": "user", "join_key": "user_id"}],
        "sources": [{"name": "events", "path": "data/events.parquet", "timestamp": "at"}],
        "features": features,
    }


class Bench:
    """A project, and commands that are killed in it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.root = folder / "project"
        self.out = folder / "out"
        self.out.mkdir(parents=True)
        self._rng = random.Random(seed)
        self.version = 1
        self.outcomes: Counter[str] = Counter()
        schema = {"user_id": "BIGINT", "at": "TIMESTAMP", "amount": "DOUBLE"}
        write_parquet(self.root / "data" / "events.parquet", schema, [])
        rows = "select i % 300 as user_id, timestamp '2024-01-01' + interval (i * 5) minute as {}"
        with duckdb.connect() as connection:
            for count, file, columns in (
                (EVENTS, self.root / "data/events.parquet", "at, (i % 97)::double as amount"),
                (LABELS, folder / "labels.parquet", "taken"),
            ):
                query = f"{rows.format(columns)} from range({count}) as t(i)"
                connection.execute(f"copy ({query}) to '{file}' (format parquet)")
        self.labels = folder / "labels.parquet"
        self.write(1)

    def write(self, version: int) -> None:
        """Write the specs of a version."""
        self.version = version
        write_project(self.root, spec(version), CONFIG)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "mlforge_sql.cli", "-q", "--project-dir", str(self.root)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
        return subprocess.Popen(
            [*command, *arguments], env=environment, stderr=subprocess.PIPE, start_new_session=True
        )

    def whole(self, *arguments: str) -> float:
        """Run a command to its end; returns its seconds."""
        started = time.monotonic()
        process = self.start(*arguments)
        said = process.communicate()[1].decode()
        assert process.returncode == 0, said
        return time.monotonic() - started

    def killed(self, seconds: float, begun: Callable[[], bool], *arguments: str) -> None:
        """Start a command, and kill it: half of the times soon after it has begun to write."""
        process = self.start(*arguments)
        deadline = time.monotonic() + seconds * 2
        if self._rng.random() < 0.5:
            time.sleep(self._rng.random() * seconds)
        else:
            while process.poll() is None and not begun() and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(self._rng.random() * seconds * 0.02)
        children = _children(process.pid)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.outcomes["killed" if process.returncode == -signal.SIGKILL else WHOLE] += 1
        deadline = time.monotonic() + 15
        while any(map(_lives, children)) or self._is_open():
            assert time.monotonic() < deadline, "a child lives on"
            time.sleep(0.05)

    def _is_open(self) -> bool:
        """Whether the threads of a dead process still have the DuckDB file open."""
        file = self.root / "feature_store" / "features.duckdb"
        try:
            if file.exists():
                duckdb.connect(file, read_only=True).close()
        except duckdb.IOException as error:
            return "lock" in str(error)
        return False

    # Compiles

    def compile_once(self, seconds: float) -> None:
        """Kill a compile of the other version, then compile that."""
        folder = self.root / "dbt"
        old = _on_disk(folder)
        self.write(3 - self.version)
        new = {str(path): text for path, text in compile_project(self.root).files.items()}
        self.killed(seconds, (folder / ".mlforge" / "next").is_dir, "compile")
        found = _on_disk(folder)
        if "dbt_project.yml" in found:
            self.outcomes["new" if found == new else "old"] += 1
            assert found in (old, new), set(found) ^ set(old)
        else:
            self.outcomes["nothing that dbt would run"] += 1
        self.whole("compile")
        assert _on_disk(folder) == new
        assert [item.name for item in (folder / ".mlforge").iterdir()] == ["lock"]

    # Builds

    def build_once(self, seconds: float) -> None:
        """Kill a build of the other version, then build that."""
        old = self.tables()
        self.write(3 - self.version)
        runs = self.root / "dbt" / "target"
        self.killed(seconds, lambda: any(runs.glob("mlforge_run_*/run")), "build")
        found = self.tables()
        expected = self.built[self.version]
        for name, rows in found.items():
            assert rows in (old.get(name), expected.get(name)), name
        self.outcomes["all old" if found == old else "some new"] += 1
        self.whole("build")
        assert {name: rows for name, rows in self.tables().items() if name in expected} == expected
        assert not list(runs.glob("mlforge_run_*"))
        left = sorted(item.name for item in (self.root / "feature_store").iterdir())
        assert left == [".features.duckdb.lock", "features.duckdb"], left
        assert not [name for name in self.all_tables() if "__dbt_" in name]

    def prepare_builds(self) -> float:
        """Build both versions; returns the seconds of one build."""
        self.built: dict[int, dict[str, Any]] = {}
        seconds = 0.0
        for version in (2, 1):
            self.write(version)
            seconds = self.whole("build")
            names = {item["name"] for item in spec(version)["features"]}
            self.built[version] = {n: r for n, r in self.tables().items() if n in names}
        return seconds

    def all_tables(self) -> list[str]:
        with duckdb.connect(self.root / "feature_store/features.duckdb", read_only=True) as found:
            return [
                str(row[0]) for row in found.execute("select name from (show tables)").fetchall()
            ]

    def tables(self) -> dict[str, Any]:
        """Each feature table as a hash of its rows."""
        names = {item["name"] for version in (1, 2) for item in spec(version)["features"]}
        with duckdb.connect(self.root / "feature_store/features.duckdb", read_only=True) as found:
            there = {
                str(row[0]) for row in found.execute("select name from (show tables)").fetchall()
            }
            return {
                name: found.execute(f"select count(*), sum(hash(t)) from {name} as t").fetchone()
                for name in sorted(names & there)
            }

    # Training data

    def training_once(self, seconds: float) -> None:
        """Kill an export, then run it to its end."""
        out = self.out / "rows.csv"
        arguments = [
            "training-data",
            str(self.labels),
            "--timestamp",
            "taken",
            "--features",
            "spend",
        ]
        arguments += ["--out", str(out)]
        old = out.read_bytes() if out.exists() else None
        self.killed(seconds, lambda: any(self.out.glob(".mlforge_rows_*/rows.parquet")), *arguments)
        assert (out.read_bytes() if out.exists() else None) in (old, self.exported)
        self.whole(*arguments)
        assert out.read_bytes() == self.exported
        assert [item.name for item in self.out.iterdir()] == ["rows.csv"]
        self.outcomes["exported"] += 1
        if self._rng.random() < 0.5:
            out.unlink()

    def prepare_training(self) -> float:
        """Export once; returns the seconds."""
        out = self.out / "rows.csv"
        arguments = ["--timestamp", "taken", "--features", "spend", "--out", str(out)]
        seconds = self.whole("training-data", str(self.labels), *arguments)
        self.exported = out.read_bytes()
        return seconds


def _on_disk(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): file.read_text(encoding="utf-8")
        for file in folder.rglob("*")
        if file.is_file()
        and file.relative_to(folder).parts[0] not in {".mlforge", "target", "logs", ".user.yml"}
    }


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(x) for x in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _lives(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def run(
    folder: Path, *, compiles: int, builds: int, exports: int, seed: int
) -> dict[str, Counter[str]]:
    """Kill so many commands; returns what became of them."""
    bench = Bench(folder, seed)
    found: dict[str, Counter[str]] = {}

    def each(name: str, count: int, seconds: float, once: Callable[[float], None]) -> None:
        bench.outcomes = Counter()
        for _ in range(count):
            once(seconds)
        found[name] = bench.outcomes

    if compiles:
        bench.whole("compile")
        each("compile", compiles, bench.whole("compile"), bench.compile_once)
    if builds or exports:
        seconds = bench.prepare_builds()
        each("build", builds, seconds, bench.build_once)
    if exports:
        each("training-data", exports, bench.prepare_training(), bench.training_once)
    return found


def _main(arguments: list[str]) -> None:
    compiles, builds, exports, seed = (
        int(arguments[index]) if len(arguments) > index else default
        for index, default in enumerate((50, 15, 10, random.SystemRandom().randrange(10**9)))
    )
    sys.stdout.write(f"seed {seed}\n")
    with tempfile.TemporaryDirectory() as name:
        found = run(Path(name), compiles=compiles, builds=builds, exports=exports, seed=seed)
    for command, outcomes in found.items():
        sys.stdout.write(f"{command}: {dict(outcomes)}\n")


if __name__ == "__main__":
    _main(sys.argv[1:])
