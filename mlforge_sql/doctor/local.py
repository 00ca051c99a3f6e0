"""Checks of a profile that stores features in a DuckDB file."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mlforge_sql.dbt.holding import conflict
from mlforge_sql.dbt.profiles import DATABASE_FILE
from mlforge_sql.doctor.findings import Finding, Patient, fail, ok, warn
from mlforge_sql.errors import SchemaUnreadable
from mlforge_sql.isolation import guarded, sealed
from mlforge_sql.redaction import without_values
from mlforge_sql.spec.config import LocalStore
from mlforge_sql.types import held_type
from mlforge_sql.workflows.compile import schema_reader


def folder(patient: Patient) -> Finding:
    """Whether the folder of the DuckDB file can be written."""
    path = _folder(patient)
    shown = _store(patient).path
    existing = next(place for place in (path, *path.parents) if place.exists())
    if not existing.is_dir():
        return fail(f"`{existing.name}` is a file", f"move it away, or change `path` of `{shown}`")
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        step = "have it made writable, or change `path` of the profile in mlforge.yaml"
        return fail(f"`{shown}` cannot be written: {error.strerror}", step)
    return ok(shown if existing == path else f"{shown}, which the first build makes")


def database(patient: Patient) -> Finding:
    """Whether a build can write to the DuckDB file: nobody else has it open, and a table can be made."""
    import duckdb

    file = _folder(patient) / DATABASE_FILE
    if not file.exists():
        return ok(f"no {DATABASE_FILE} yet; the first build makes it")
    try:
        with duckdb.connect(file, read_only=False) as connection:
            for statement in (*guarded(), *sealed(reads_files=True)):
                connection.execute(statement)
            connection.execute("begin")
            connection.execute(f"create table {_TRIAL} as select 1 as x")
            connection.execute("rollback")
    except duckdb.IOException as error:
        known = conflict(str(error))
        if known is not None:
            holder = known.message.partition(": ")[2]
            step = "close the program that has it open, or wait until it is done"
            return fail(f"{DATABASE_FILE} is locked: {holder}", step)
        text = str(error).splitlines()[0].replace(str(file), DATABASE_FILE)
        return fail(text, _UNREADABLE)
    except duckdb.Error as error:
        return fail(without_values(str(error)).splitlines()[0], _UNREADABLE)
    return ok(f"{DATABASE_FILE}, {file.stat().st_size / 1e6:,.1f} MB")


_TRIAL = "_mlforge_doctor"
_UNREADABLE = f"move {DATABASE_FILE} away: `mlforge build` makes a new one from the sources"


def sources(patient: Patient) -> Finding:
    """Whether the files of the sources are there."""
    assert patient.compiled is not None
    used = [item.spec for item in patient.compiled.project.sources if item.spec.model is None]
    elsewhere = [source.name for source in used if source.path is None]
    missing: list[str] = []
    with schema_reader(patient.root) as reader:
        for source in used:
            if source.path is None or "://" in source.path:
                continue
            try:
                declared = (source.columns or {}).items()
                reader.read(source.path, {name: held_type(text) for name, text in declared})
            except SchemaUnreadable as error:
                missing.append(f"{source.name}: {error}")
    if missing:
        return fail("; ".join(missing), "create the files, or change `path` of the sources")
    if elsewhere:
        step = "add `path` to them, or leave their features out of builds with this profile"
        return warn(f"only on Databricks: {', '.join(elsewhere)}", step)
    return ok(f"{len(used)} readable")


def _store(patient: Patient) -> LocalStore:
    store = patient.profile.offline_store
    assert isinstance(store, LocalStore)
    return store


def _folder(patient: Patient) -> Path:
    return patient.root / _store(patient).path
