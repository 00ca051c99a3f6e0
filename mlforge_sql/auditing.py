"""Audit: training sets against brute force, run by dbt, told as a verdict."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mlforge_sql.building import dbt_run, ready_profile, unbuildable
from mlforge_sql.compiler import Compiled
from mlforge_sql.dbt.artifacts import NodeResult
from mlforge_sql.dbt.run import DbtRun
from mlforge_sql.errors import Diagnostic, RetrievalError
from mlforge_sql.project.definition import spec_hash
from mlforge_sql.project.model import ResolvedTrainingSet
from mlforge_sql.project.requests import output_names
from mlforge_sql.project.selection import find_profile, select_training_sets
from mlforge_sql.retrieval.backends.opening import open_store
from mlforge_sql.retrieval.backends.store import Store
from mlforge_sql.workspace.explanations import explain, hide_secrets

SHOWN = 5
"""Differences that a verdict shows."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of recomputing one feature of one training set.

    Attributes:
        training_set: Its name.
        feature: The feature's name.
        columns: Number of its columns in the training set.
        rows: Label rows that were recomputed.
        total: Label rows of the training set.
        differences: Values that differ; None when the audit did not run.
        problem: Why it did not run.
        table: Table with all differences.
        names: Columns of that table.
        examples: The first of its rows.
    """

    training_set: str
    feature: str
    columns: int
    rows: int
    total: int
    differences: int | None
    problem: str | None = None
    table: str | None = None
    names: tuple[str, ...] = ()
    examples: tuple[tuple[Any, ...], ...] = ()

    @property
    def equal(self) -> bool:
        """True when every recomputed value is the one of the training set."""
        return self.differences == 0


def audit_run(
    compiled: Compiled,
    *,
    names: Iterable[str] = (),
    profile: str | None = None,
    rows: int | None = None,
    seed: int = 0,
) -> DbtRun:
    """Prepare the audits of some training sets; iterate over the result to run them.

    Args:
        compiled: The project; write it before you run.
        names: Training sets; all if empty.
        profile: Profile whose tables are audited; the default one if None.
        rows: Label rows to recompute for each feature; each training set's own number if None.
        seed: Another number samples other rows.

    Raises:
        SpecErrors: Unknown training set or profile, or a profile that dbt cannot run in from here.
        RetrievalError: A training set is not built, or the store cannot be read.
    """
    chosen = select_training_sets(compiled.project, names)
    variables: dict[str, int] = {"mlforge_audit_seed": seed}
    if rows is not None:
        variables["mlforge_audit_rows"] = rows
    target = ready_profile(compiled, profile)
    sets = audited(compiled, names=chosen, profile=target)
    _check_built(compiled, sets, profile)
    tags = [f"tag:mlforge_audit_{item.name}" for item in sets]
    command = ["test", "--target", target, "--vars", json.dumps(variables), "--select", *tags]
    return dbt_run(compiled, target, command)


@dataclass(frozen=True, slots=True)
class Unaudited:
    """What an audit leaves out, and why.

    Attributes:
        training_set: Name of the training set.
        feature: Name of the feature.
        reason: Why there is nothing to compare it with.
    """

    training_set: str
    feature: str
    reason: str


def unaudited(
    compiled: Compiled, *, names: Iterable[str] = (), profile: str | None = None
) -> tuple[Unaudited, ...]:
    """What an audit leaves out: features that are read in a certain version of their tables.

    Their values are those of the events as they were then, and nothing keeps those. A profile
    that keeps no versions has no table of such a training set at all.

    Args:
        compiled: The project.
        names: Training sets; all if empty.
        profile: Profile whose tables are audited; the default one if None.

    Raises:
        SpecErrors: Unknown training set or profile.
    """
    names, target = tuple(names), find_profile(compiled.project.config, profile)
    kept = audited(compiled, names=names, profile=target)
    left: list[Unaudited] = []
    for item in _sets(compiled, names):
        pinned = [request for request in item.features if request.pin]
        for request in pinned if item in kept else item.features:
            reason = (
                f"it is read in {request.pin} of its table"
                if request.pin
                else f"`{item.name}` needs versions of tables, which profile `{target}` does not keep"
            )
            left.append(Unaudited(item.name, request.feature.name, reason))
    return tuple(left)


def audited(
    compiled: Compiled, *, names: Iterable[str] = (), profile: str | None = None
) -> tuple[ResolvedTrainingSet, ...]:
    """The training sets that have something to audit in a profile.

    Args:
        compiled: The project.
        names: Training sets; all if empty.
        profile: Profile whose tables are audited; the default one if None.

    Raises:
        SpecErrors: Unknown training set or profile.
    """
    target = find_profile(compiled.project.config, profile)
    absent = unbuildable(compiled, target)
    return tuple(
        item
        for item in _sets(compiled, names)
        if item.name not in absent and not all(request.pin for request in item.features)
    )


def _sets(compiled: Compiled, names: Iterable[str]) -> list[ResolvedTrainingSet]:
    chosen = select_training_sets(compiled.project, names)
    return [item for item in compiled.project.training_sets if not chosen or item.name in chosen]


def _check_built(
    compiled: Compiled, sets: Sequence[ResolvedTrainingSet], profile: str | None
) -> None:
    """See that the training sets are there, with the columns of their specs."""
    if not sets:
        return
    store = open_store(compiled.root, compiled.project, profile)
    try:
        problems: list[Diagnostic] = []
        names = ",".join(item.name for item in sets)
        hint = f"run `mlforge build --training-sets {names} --profile {store.profile}`"
        hashes = store.built_hashes()
        for item in sets:
            found = store.columns(item.name)
            missing = [name for name in output_names(item.features) if name not in found]
            if not found:
                message = f"training set `{item.name}` is not built in profile `{store.profile}`"
                problems.append(Diagnostic("MF064", message, hint=hint))
            elif missing:
                message = (
                    f"the table of training set `{item.name}` has no column `{missing[0]}` yet"
                )
                problems.append(Diagnostic("MF064", message, hint=hint))
            for request in item.features:
                name, current = request.feature.name, spec_hash(request.feature)
                if request.pin is None and hashes.get(name, current) != current:
                    message = f"feature `{name}` was built from an older definition of it"
                    problems.append(Diagnostic("MF064", message, hint=hint))
    finally:
        store.close()
    if problems:
        raise RetrievalError(problems)


def verdicts(
    compiled: Compiled, run: DbtRun, *, profile: str | None = None, rows: int | None = None
) -> tuple[Verdict, ...]:
    """What an audit that has run found, by training set and feature.

    Args:
        compiled: The project.
        run: The run of ``audit_run``.
        profile: As there.
        rows: As there.

    Raises:
        RetrievalError: The store cannot be opened.
    """
    audited = [item for item in run.results if item.meta.get("kind") == "audit"]
    if not audited:
        return ()
    store = open_store(compiled.root, compiled.project, profile)
    try:
        return tuple(
            _verdict(compiled, item, store, rows, databricks=run.databricks)
            for item in _sorted(compiled, audited)
        )
    finally:
        store.close()


def _sorted(compiled: Compiled, results: Sequence[NodeResult]) -> Iterator[NodeResult]:
    """Results in the order of the specs."""
    found = {(item.meta["training_set"], item.meta["feature"]): item for item in results}
    for training_set in compiled.project.training_sets:
        for request in training_set.features:
            result = found.get((training_set.name, request.feature.name))
            if result is not None:
                yield result


def _verdict(
    compiled: Compiled, result: NodeResult, store: Store, rows: int | None, *, databricks: bool
) -> Verdict:
    name, feature = str(result.meta["training_set"]), str(result.meta["feature"])
    training_set = next(item for item in compiled.project.training_sets if item.name == name)
    columns = next(
        len(item.columns) for item in training_set.features if item.feature.name == feature
    )
    salt = compiled.project.config.surrogate_key_salt_env
    ran = result.failures is not None and result.status in {"pass", "fail", "warn"}
    total = store.count(name) if ran else 0
    names, examples = (
        store.first_rows(result.relation, SHOWN) if ran and result.failures else ((), ())
    )
    return Verdict(
        training_set=name,
        feature=feature,
        columns=columns,
        rows=min(total, rows or training_set.spec.audit_rows),
        total=total,
        differences=result.failures if ran else None,
        problem=None if ran else _problem(result, salt, databricks=databricks),
        table=result.relation if result.failures else None,
        names=names,
        examples=examples,
    )


def _problem(result: NodeResult, salt: str | None, *, databricks: bool) -> str:
    """Why an audit did not run, without secrets; in plain words where we know them."""
    secrets = (salt,) if salt else ()
    text = hide_secrets(result.message or f"the audit was {result.status}", os.environ, secrets)
    known = explain(text) if databricks else None
    return f"{known.message}; {known.hint}" if known else text
