"""Which files a process of `pytest -n` takes next.

A file is run by one process. All that use the shared warehouse go to the same one, so that Spark
starts once and stays warm; the others come slowest first, so that no long file is left over at the
end, when the other process has nothing more to do. No result depends on it: a figure that is out of
date costs time and nothing else.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

ROOT = Path(__file__).parents[1]
SHARED = "the shared warehouse"
FIXTURES = ("shared_warehouse", "online_warehouse")

SECONDS = {
    "tests/functional/test_databricks_failures.py": 80,
    "tests/warehouse/tests/test_end_to_end.py": 60,
    "tests/functional/test_dbt_training.py": 42,
    "tests/functional/test_dbt_build.py": 40,
    "tests/warehouse/tests/test_dbt.py": 40,
    "tests/functional/test_both_parsers.py": 37,
    "tests/property/test_rule_of_time.py": 36,
    "tests/retrieval/test_databricks_failures.py": 30,
    "tests/functional/test_example_model.py": 25,
    "tests/property/test_online_values.py": 24,
    "tests/functional/test_dbt_profiles.py": 20,
    "tests/property/test_training_set_values.py": 20,
    "tests/functional/test_dbt_audit.py": 19,
    "tests/online/test_kill.py": 19,
    "tests/test_mutations.py": 17,
    "tests/property/test_honest_audits.py": 15,
    "tests/test_many_features.py": 15,
    "tests/warehouse/tests/test_http_request.py": 15,
    "tests/retrieval/test_guards.py": 12,
    "tests/test_cdnow.py": 10,
}
"""How long files take that are slow for the number of their tests, about."""


class SlowestFirst(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """`--dist loadfile`, with another order, and the files of the shared warehouse as one."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(super()._split_scope(nodeid))

    def _assign_work_unit(self, node: WorkerController) -> None:
        """Give a process the slowest unit that is left; of those not named, the most tests."""
        self.workqueue.move_to_end(max(self.workqueue, key=seconds_of), last=False)
        super()._assign_work_unit(node)


@cache
def unit_of(file: str) -> str:
    """What is run together with a file: nothing, or all that use the shared warehouse."""
    text = (ROOT / file).read_text(encoding="utf-8")
    return SHARED if any(name in text for name in FIXTURES) else file


def seconds_of(unit: str) -> float:
    """How long a unit takes."""
    return float("inf") if unit == SHARED else SECONDS.get(unit, 0)
