"""Which files a process of `pytest -n` takes next.

A file is run by one process. Those that use the shared warehouse come first: each process starts a
Spark of its own (a gigabyte), which stays warm until they are through, and Spark plans small queries on
one core, so that two of them are twice as fast. Then come the others. Both kinds go slowest first, so
that no long file is left over at the end, when the other process has nothing more to do. No result
depends on it: a figure that is out of date costs time and nothing else.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from live_warehouse import SWITCH
from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

ROOT = Path(__file__).parents[1]
SHARED = "the workspace"
FIXTURES = ("shared_warehouse", "online_warehouse")

SPARK_SECONDS = {
    "tests/property/test_both_engines.py": 140,
    "tests/databricks_online/test_hooks.py": 370,
    "tests/functional/test_example_on_both_engines.py": 145,
    "tests/property/test_online_values_on_databricks.py": 20,
    "tests/functional/test_databricks_audit.py": 75,
    "tests/retrieval/test_databricks_training_data.py": 70,
    "tests/functional/test_databricks_tables.py": 65,
    "tests/property/test_history.py": 60,
    "tests/property/test_functions.py": 80,
    "tests/property/test_spread.py": 50,
    "tests/functional/test_other_settings.py": 65,
    "tests/property/test_training_data_on_both_engines.py": 25,
    "tests/databricks_online/test_chain.py": 80,
    "tests/functional/test_databricks_time_travel.py": 60,
    "tests/functional/test_databricks_planted_values.py": 20,
    "tests/functional/test_databricks_doctor.py": 10,
}
"""How long files take that use the shared warehouse, about; those not named some seconds."""

SECONDS = {
    "tests/house/test_wheel.py": 45,
    "tests/functional/test_databricks_failures.py": 380,
    "tests/warehouse/tests/test_end_to_end.py": 80,
    "tests/functional/test_dbt_training.py": 105,
    "tests/functional/test_dbt_build.py": 80,
    "tests/warehouse/tests/test_dbt.py": 115,
    "tests/functional/test_both_parsers.py": 70,
    "tests/functional/test_dbt_incremental.py": 36,
    "tests/property/test_rule_of_time.py": 36,
    "tests/retrieval/test_databricks_failures.py": 55,
    "tests/functional/test_example_model.py": 25,
    "tests/property/test_online_values.py": 24,
    "tests/property/test_incremental.py": 22,
    "tests/functional/test_dbt_profiles.py": 20,
    "tests/property/test_training_set_values.py": 20,
    "tests/functional/test_dbt_audit.py": 19,
    "tests/online/test_kill.py": 45,
    "tests/sql/test_mutations.py": 17,
    "tests/property/test_honest_audits.py": 15,
    "tests/sql/test_many_features.py": 65,
    "tests/warehouse/tests/test_http_request.py": 15,
    "tests/retrieval/test_guards.py": 12,
    "tests/workflows/test_cdnow.py": 10,
}
"""How long files take that are slow for the number of their tests, about."""


class SlowestFirst(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """`--dist loadfile`, with another order."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(super()._split_scope(nodeid))

    def _assign_work_unit(self, node: WorkerController) -> None:
        """Give a process the slowest unit that is left; of those not named, the most tests."""
        self.workqueue.move_to_end(max(self.workqueue, key=rank_of), last=False)
        super()._assign_work_unit(node)


def unit_of(file: str) -> str:
    """What is run together with a file: nothing, or in a real workspace all that use it."""
    return SHARED if os.environ.get(SWITCH) == "1" and uses_spark(file) else file


def rank_of(unit: str) -> tuple[bool, float]:
    """What comes first: Spark, and then what takes longest."""
    return unit == SHARED or uses_spark(unit), {**SECONDS, **SPARK_SECONDS}.get(unit, 0)


@cache
def uses_spark(file: str) -> bool:
    """Whether a file uses the shared warehouse."""
    if not (ROOT / file).is_file():
        return False
    text = (ROOT / file).read_text(encoding="utf-8")
    return any(name in text for name in FIXTURES)
