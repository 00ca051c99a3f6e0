"""How much the tests draw at random: little in `make test`, much in `make test-long`.

The variable `MLFORGE_EXAMPLES` chooses, `default` or `long`. Each run draws other examples (but where
`CI` is set, Hypothesis draws the same ones), so many short runs see as much as a long one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from hypothesis import settings

SWITCH = "MLFORGE_EXAMPLES"
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Count:
    """How many of something a file draws, by profile."""

    what: str
    default: int
    long: int


COUNTS = {
    "tests/online/test_kill.py": Count("killed syncs", 20, 200),
    "tests/property/test_both_engines.py": Count("features", 14, 1000),
    "tests/property/test_history.py": Count("projects", 8, 300),
    "tests/property/test_honest_audits.py": Count("projects", 16, 1000),
    "tests/property/test_incremental.py": Count("sequences", 5, 400),
    "tests/property/test_online_values.py": Count("projects", 10, 300),
    "tests/property/test_online_values_on_databricks.py": Count("projects", 1, 30),
    "tests/property/test_rule_of_time.py": Count("projects", 60, 3000),
    "tests/property/test_spread.py": Count("tables", 2, 80),
    "tests/property/test_training_data_on_both_engines.py": Count("projects", 2, 40),
    "tests/property/test_training_set_values.py": Count("projects", 20, 500),
    "tests/property/test_translation_values.py": Count("expressions", 45, 1000),
}
"""By file, as pytest names it."""


def profile() -> str:
    """The profile that the environment chooses.

    Raises:
        ValueError: There is none of that name.
    """
    name = os.environ.get(SWITCH, "default")
    if name not in {"default", "long"}:
        raise ValueError(f"{SWITCH} is `{name}`; it can be `default` or `long`")
    return name


def draws(file: str) -> bool:
    """Whether a file is one of those above."""
    return file in COUNTS


def examples(path: str) -> int:
    """How many a file draws; it gives its `__file__`."""
    count = COUNTS[Path(path).relative_to(ROOT).as_posix()]
    return count.long if profile() == "long" else count.default


def told(file: str) -> str:
    """How many a file draws, in words."""
    return f"{examples(str(ROOT / file))} {COUNTS[file].what}"


def use_profile() -> None:
    """Tests of Hypothesis that do not say how many examples they want get those of the profile.

    No test is late: how long an example takes says how busy the machine is.
    """
    settings.register_profile("default", max_examples=100, deadline=None)
    settings.register_profile("long", max_examples=2000, deadline=None)
    settings.load_profile(profile())
