"""Run the checks of a profile in their order."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from mlforge_sql.doctor.checks import checks_of
from mlforge_sql.doctor.findings import Patient, Refused, Result, Status
from mlforge_sql.loading.load import load_config
from mlforge_sql.project.selection import find_profile


def examine(
    root: Path, profile: str | None = None, environment: Mapping[str, str] = os.environ
) -> Iterator[Result]:
    """Examine a profile; each result comes as soon as it is known.

    Nothing is left behind: what the checks make, they remove.

    Args:
        root: Folder of ``mlforge.yaml``.
        profile: Name of the profile; the default one if None.
        environment: The environment variables.

    Raises:
        SpecErrors: ``mlforge.yaml`` is not valid, or has no such profile.
    """
    config = load_config(root).spec
    name = find_profile(config, profile)
    return _results(Patient(root, config, name, environment, ExitStack()))


def _results(patient: Patient) -> Iterator[Result]:
    good: set[str] = set()
    with patient.opened:
        for check in checks_of(patient.profile):
            missing = [need for need in check.needs if need not in good]
            if missing:
                yield Result(check.name, Status.SKIPPED, f"not checked, because of {missing[0]}")
                continue
            try:
                found = check.ask(patient)
            except Refused as refused:
                found = refused.finding
            if found.status in {Status.OK, Status.WARN}:
                good.add(check.name)
            yield Result(check.name, found.status, found.detail, found.next_step)
