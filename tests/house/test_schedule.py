"""Who runs which files, and how much is drawn: the tables name files that are there."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from examples import COUNTS, SWITCH, examples
from live_warehouse import SWITCH as WORKSPACE
from schedule import ROOT, SECONDS, SPARK_SECONDS, SlowestFirst, uses_spark

SPARK = ("tests/property/test_both_engines.py", "tests/dialects/test_spark_plans.py")
SLOW, MANY, FEW = (
    sorted(SECONDS, key=SECONDS.__getitem__)[-1],
    "tests/vocabulary/test_units.py",
    "README.md",
)


@dataclass(eq=False)
class Node:
    """A process: the tests it was told to run."""

    collection: list[str]
    gateway: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(id="gw"))
    shutting_down: bool = False
    ran: list[str] = field(default_factory=list)

    def send_runtest_some(self, indices: list[int]) -> None:
        self.ran += [self.collection[index] for index in indices]

    def shutdown(self) -> None:
        self.shutting_down = True


def ran(tests: list[str]) -> list[list[str]]:
    """What each of two processes is given first."""
    config = SimpleNamespace(
        getvalue=lambda _: ["2*popen"], option=SimpleNamespace(loadscopereorder=True)
    )
    scheduling = SlowestFirst(cast("pytest.Config", config))
    nodes = [Node(tests), Node(tests)]
    for node in nodes:
        scheduling.add_node(cast("Any", node))
        scheduling.add_node_collection(cast("Any", node), tests)
    scheduling.schedule()
    return [node.ran for node in nodes]


TESTS = [f"{FEW}::one", *(f"{MANY}::{number}" for number in range(9))]
TESTS += [f"{SPARK[1]}::one", f"{SLOW}::one", f"{SPARK[0]}::one", f"{SPARK[1]}::two"]


def test_spark_comes_first_in_both_processes_and_then_the_slowest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(WORKSPACE, raising=False)
    first, second = ran(TESTS)
    assert first == [f"{SPARK[0]}::one", f"{SLOW}::one"]
    assert second[:3] == [f"{SPARK[1]}::one", f"{SPARK[1]}::two", f"{MANY}::0"]


def test_one_process_has_all_of_a_real_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WORKSPACE, "1")
    first, second = ran(TESTS)
    assert first == [f"{SPARK[1]}::one", f"{SPARK[0]}::one", f"{SPARK[1]}::two"]
    assert second == [f"{SLOW}::one", *(f"{MANY}::{number}" for number in range(9))]


@pytest.mark.parametrize("file", [*SECONDS, *SPARK_SECONDS, *COUNTS])
def test_the_tables_name_files_that_are_there(file: str) -> None:
    assert (ROOT / file).is_file()


def test_the_files_of_spark_are_told_apart() -> None:
    assert all(map(uses_spark, SPARK_SECONDS))
    assert not any(map(uses_spark, SECONDS))


@pytest.mark.parametrize("file", COUNTS)
def test_a_file_draws_as_much_as_the_table_says(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "examples(__file__)" in (ROOT / file).read_text(encoding="utf-8")
    monkeypatch.delenv(SWITCH, raising=False)
    few = examples(str(ROOT / file))
    monkeypatch.setenv(SWITCH, "long")
    assert 0 < few * 10 <= examples(str(ROOT / file))
    monkeypatch.setenv(SWITCH, "lang")
    with pytest.raises(ValueError, match="it can be `default` or `long`"):
        examples(str(ROOT / file))
