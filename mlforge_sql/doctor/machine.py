"""Checks that every profile has: the machine, the project, the environment."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, requires, version

from mlforge_sql.databricks_workspace.login import missing_text
from mlforge_sql.doctor.findings import Finding, Patient, fail, ok, warn
from mlforge_sql.errors import Diagnostic, SpecErrors
from mlforge_sql.workflows.compile import compile_project

OLDEST_PYTHON = (3, 11)
SHOWN = ("dbt-core", "dbt-duckdb", "duckdb", "sqlglot")
"""Packages whose versions matter most when something is reported."""


def python(_: Patient) -> Finding:
    """The version of Python."""
    found = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        oldest = ".".join(str(part) for part in OLDEST_PYTHON)
        return fail(f"{found}, older than {oldest}", f"install Python {oldest} or newer")
    return ok(found)


def packages(_: Patient) -> Finding:
    """The versions of the packages that mlforge-sql needs."""
    from packaging.requirements import Requirement

    wrong: list[str] = []
    wanted: list[str] = []
    for line in requires("mlforge-sql") or ():
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        found = _version(requirement.name)
        if found is None:
            wrong.append(f"{requirement.name} is missing")
        elif not requirement.specifier.contains(found, prereleases=True):
            wrong.append(f"{requirement.name} {found} is not {requirement.specifier}")
        else:
            continue
        wanted.append(f"'{requirement.name}{requirement.specifier}'")
    if wrong:
        return fail("; ".join(wrong), f"pip install {' '.join(wanted)}")
    return ok(", ".join(f"{name} {_version(name)}" for name in SHOWN))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def project(patient: Patient) -> Finding:
    """Whether the project compiles; nothing is written."""
    try:
        patient.compiled = compile_project(patient.root)
    except SpecErrors as error:
        problems = error.diagnostics
        rest = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
        return fail(f"{_told(problems[0])}{rest}", "mend it; `mlforge compile` shows where it is")
    found = patient.compiled.project
    sets = len(found.training_sets)
    detail = f"{_count(len(found.features), 'feature')}, {_count(sets, 'training set')}"
    if found.warnings:
        told = f"{detail}, {_count(len(found.warnings), 'warning')}"
        return warn(told, "`mlforge compile` shows what it warns of")
    return ok(detail)


def variables(patient: Patient) -> Finding:
    """Environment variables that the project itself reads."""
    name = patient.config.surrogate_key_salt_env
    if name is None:
        return ok("none is needed")
    if not patient.environment.get(name):
        return fail(missing_text((name,)), salt_step(name))
    return ok(f"{name} is set")


def salt_step(name: str) -> str:
    """What to do when the salt is not set."""
    return f"set {name} to the salt of the surrogate keys, the same wherever they are computed"


def _told(problem: Diagnostic) -> str:
    place = f"{problem.location}: " if problem.location else ""
    return f"{place}{problem.message}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
