"""Who runs which files, and how much is drawn: the tables name files that are there."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from examples import COUNTS, SWITCH, examples
from schedule import ROOT, SECONDS, SlowestFirst

SPARK = ("tests/property/test_both_engines.py", "tests/test_spark_plans.py")
SLOW, MANY, FEW = sorted(SECONDS, key=SECONDS.__getitem__)[-1], "tests/test_units.py", "README.md"


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


def test_one_process_has_all_of_spark_and_the_other_begins_with_the_slowest() -> None:
    tests = [f"{FEW}::one", *(f"{MANY}::{number}" for number in range(9))]
    tests += [f"{SPARK[0]}::one", f"{SLOW}::one", f"{SPARK[1]}::one", f"{SPARK[1]}::two"]
    config = SimpleNamespace(
        getvalue=lambda _: ["2*popen"], option=SimpleNamespace(loadscopereorder=True)
    )
    scheduling = SlowestFirst(cast("pytest.Config", config))
    nodes = [Node(tests), Node(tests)]
    for node in nodes:
        scheduling.add_node(cast("Any", node))
        scheduling.add_node_collection(cast("Any", node), tests)
    scheduling.schedule()
    spark, other = (node.ran for node in nodes)
    assert spark == [f"{SPARK[0]}::one", f"{SPARK[1]}::one", f"{SPARK[1]}::two"]
    assert other == [f"{SLOW}::one", *(f"{MANY}::{number}" for number in range(9))]


@pytest.mark.parametrize("file", [*SECONDS, *COUNTS])
def test_the_tables_name_files_that_are_there(file: str) -> None:
    assert (ROOT / file).is_file()


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
