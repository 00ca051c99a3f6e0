"""Lookups under syncs: clients ask without a pause while two builds take turns in the store.

    python tests/load.py [seconds] [clients] [seconds between syncs]

Every lookup is of several features, and its answer must be that of one of the two builds, whole. The
same is timed without syncs first. Times are printed, never judged.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import served
from online.test_kill import AS_OF, SCHEMA, SPEC, TABLES, rows

import mlforge_sql as mlf

AT = AS_OF + timedelta(days=3)
ENTITIES = [{"user_id": f"user {number * 9}", "shop_id": number} for number in range(50)]


@dataclass
class Report:
    """What clients saw in a while.

    Attributes:
        seconds: What each lookup took.
        errors: What went wrong, in words.
        torn: Answers that are of neither build.
        builds: How many answers were of each build.
    """

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    torn: int = 0
    builds: dict[str, int] = field(default_factory=lambda: {"a": 0, "b": 0})

    def told(self) -> str:
        """The figures in a line."""
        cuts = [1000 * cut for cut in statistics.quantiles(self.seconds, n=1000)]
        return (
            f"{len(self.seconds):,} lookups, {self.builds}, {len(self.errors)} errors, {self.torn} torn; "
            f"p50 {cuts[499]:.1f} ms, p99 {cuts[989]:.1f} ms, p99.9 {cuts[998]:.1f} ms, "
            f"most {1000 * max(self.seconds):.0f} ms"
        )


def syncs(roots: dict[str, str], pause: float, stop: Event, done: Any) -> None:
    """Sync the two builds in turn until told to stop; a process of its own."""
    projects = {build: mlf.load_project(root) for build, root in roots.items()}
    turn = 0
    while not stop.is_set():
        started = time.monotonic()
        found = served.sync(projects["ba"[turn % 2]], AS_OF)
        done.put([item.action for item in found])
        turn += 1
        stop.wait(max(0.0, pause - (time.monotonic() - started)))


class Load:
    """A store that both builds have been in, and what each of them answers."""

    def __init__(self, folder: Path) -> None:
        self.roots = {
            build: str(
                served.build(folder / build, SPEC, rows(build), SCHEMA, run_id=f"run_{build}")
            )
            for build in "ab"
        }
        self.states: dict[str, list[Any]] = {}
        for build in "ba":
            project = mlf.load_project(self.roots[build])
            served.sync(project, AS_OF)
            self.states[build] = [self._asked(project, item) for item in ENTITIES]
            project.close()
        pairs = zip(self.states["a"], self.states["b"], strict=True)
        assert all(one != other for one, other in pairs)

    @staticmethod
    def _asked(project: Any, entity: dict[str, Any]) -> Any:
        return project.get_online_features(list(TABLES), entity, "pg", at=AT)

    def clients(self, count: int, seconds: float) -> Report:
        """So many clients that ask for so long."""
        project = mlf.load_project(self.roots["a"])
        report, lock = Report(), threading.Lock()
        until = time.monotonic() + seconds

        def ask(seed: int) -> None:
            chance, own = random.Random(seed), Report()
            while time.monotonic() < until:
                number = chance.randrange(len(ENTITIES))
                started = time.perf_counter()
                try:
                    found = self._asked(project, ENTITIES[number])
                except Exception as error:  # noqa: BLE001 - counted
                    own.errors.append(str(error))
                    continue
                own.seconds.append(time.perf_counter() - started)
                of = [build for build in "ab" if self.states[build][number] == found]
                own.torn += not of
                for build in of:
                    own.builds[build] += 1
            with lock:
                report.seconds += own.seconds
                report.errors += own.errors
                report.torn += own.torn
                for build in "ab":
                    report.builds[build] += own.builds[build]

        threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        project.close()
        return report

    def under_syncs(self, count: int, seconds: float, pause: float) -> tuple[Report, list[Any]]:
        """The same while another process syncs; also what the syncs did."""
        context = multiprocessing.get_context("spawn")
        stop, done = context.Event(), context.Queue()
        process = context.Process(target=syncs, args=(self.roots, pause, stop, done))
        process.start()
        first = done.get(timeout=120)
        report = self.clients(count, seconds)
        stop.set()
        process.join(60)
        assert process.exitcode == 0
        found = [first]
        while not done.empty():
            found.append(done.get())
        return report, found


def _main(arguments: list[str]) -> int:
    from postgres_server import start_postgres

    seconds, clients, pause = (
        float(arguments[index]) if len(arguments) > index else default
        for index, default in enumerate((60.0, 16.0, 2.0))
    )
    with tempfile.TemporaryDirectory() as name, start_postgres() as server:
        os.environ[served.DSN] = server.create_database()
        load = Load(Path(name))
        alone = load.clients(int(clients), seconds)
        sys.stdout.write(f"without syncs: {alone.told()}\n")
        report, done = load.under_syncs(int(clients), seconds, pause)
        sys.stdout.write(f"{len(done)} syncs: {report.told()}\n")
        sys.stdout.writelines(f"{text}\n" for text in sorted(set(report.errors)))
    return 1 if report.errors or report.torn or not min(report.builds.values()) else 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
