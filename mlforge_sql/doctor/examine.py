"""Run the checks of a profile in their order."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from mlforge_sql.doctor.checks import checks_of
from mlforge_sql.doctor.findings import Check, Patient, Refused, Result, Status
from mlforge_sql.errors import Diagnostic, SpecErrors
from mlforge_sql.loading.load import load_config
from mlforge_sql.project.selection import find_profile
from mlforge_sql.spec.config import UnityCatalogStore
from mlforge_sql.spec.databricks_online import DatabricksOnlineStore


def examine(
    root: Path,
    profile: str | None = None,
    environment: Mapping[str, str] = os.environ,
    *,
    deep: bool = False,
    write: bool = False,
) -> Iterator[Result]:
    """Examine a profile; each result comes as soon as it is known.

    Nothing is left behind: what the checks make, they remove.

    Args:
        root: Folder of ``mlforge.yaml``.
        profile: Name of the profile; the default one if None.
        environment: The environment variables.
        deep: Whether to try each form of statement that builds send to Databricks.
        write: Whether to try those that need a table, too.

    Raises:
        SpecErrors: ``mlforge.yaml`` is not valid, or has no such profile, or one that is not on
            Databricks where it is examined in depth.
    """
    config = load_config(root).spec
    name = find_profile(config, profile)
    patient = Patient(root, config, name, environment, ExitStack())
    checks = checks_of(patient.profile)
    if deep:
        checks += _deep(patient, write=write)
    return _results(patient, checks)


def _deep(patient: Patient, *, write: bool) -> tuple[Check, ...]:
    if not isinstance(patient.profile.offline_store, UnityCatalogStore):
        message = f"profile `{patient.name}` is not on Databricks: there is nothing more to try"
        raise SpecErrors([Diagnostic("MF124", message, None, "leave out `--deep`")])
    from mlforge_sql.doctor.forms import deep_checks

    online = isinstance(patient.profile.online_store, DatabricksOnlineStore)
    return deep_checks(online, write=write)


def _results(patient: Patient, checks: tuple[Check, ...]) -> Iterator[Result]:
    good: set[str] = set()
    with patient.opened:
        for check in checks:
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
