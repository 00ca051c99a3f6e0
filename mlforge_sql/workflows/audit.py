"""Audit: training sets and feature tables against brute force, run by dbt, told as a verdict."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlforge_sql.databricks_workspace.explanations import explain, hide_secrets
from mlforge_sql.dbt.artifacts import NodeResult
from mlforge_sql.dbt.audits import set_tag, table_tag
from mlforge_sql.dbt.run import DbtRun
from mlforge_sql.errors import Diagnostic, RetrievalError
from mlforge_sql.plan.audits import FEATURE_ROWS
from mlforge_sql.project.definition import spec_hash
from mlforge_sql.project.model import Requested, ResolvedFeature, ResolvedTrainingSet
from mlforge_sql.project.requests import output_names
from mlforge_sql.project.selection import find_profile, select_features, select_training_sets
from mlforge_sql.redaction import without_values
from mlforge_sql.stores.opening import open_store
from mlforge_sql.stores.store import Store
from mlforge_sql.workflows.build import dbt_run, ready_profile, unbuildable
from mlforge_sql.workflows.compile import Compiled

SHOWN = 5
"""Differences that a verdict shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one audit.

    Attributes:
        feature: Name of the feature.
        columns: Number of its columns that were looked at.
        differences: What differs; None when the audit did not run.
        problem: Why it did not run.
        table: Table with all differences.
        names: Columns of that table.
        examples: The first of its rows.
    """

    feature: str
    columns: int
    differences: int | None
    problem: str | None = None
    table: str | None = None
    names: tuple[str, ...] = ()
    examples: tuple[tuple[Any, ...], ...] = ()

    @property
    def equal(self) -> bool:
        """True when everything that was recomputed is as it is stored."""
        return self.differences == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict(Outcome):
    """What came of recomputing one feature of one training set.

    Attributes:
        training_set: Its name.
        rows: Label rows that were recomputed.
        total: Label rows of the training set.
    """

    training_set: str
    rows: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TableVerdict(Outcome):
    """What came of recomputing the table of a feature.

    Attributes:
        instants: At how many instants at most.
        total: Rows of the table.
    """

    instants: int
    total: int


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What an audit found.

    Attributes:
        training_sets: By training set and feature, in the order of the specs.
        tables: By feature, in the order of the specs.
    """

    training_sets: tuple[Verdict, ...] = ()
    tables: tuple[TableVerdict, ...] = ()

    @property
    def all(self) -> tuple[Outcome, ...]:
        """Everything that ran, or should have."""
        return (*self.training_sets, *self.tables)

    @property
    def equal(self) -> bool:
        """True when nothing differs, and every audit ran."""
        return all(item.equal for item in self.all)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is audited.

    Attributes:
        names: Training sets; all if empty and no feature is named.
        features: Features whose tables are audited; those of the training sets if empty, and all if
            those are empty too.
    """

    names: tuple[str, ...] = ()
    features: tuple[str, ...] = ()

    def sets(self, compiled: Compiled) -> list[ResolvedTrainingSet]:
        """The training sets.

        Raises:
            SpecErrors: There is no training set of such a name.
        """
        chosen = select_training_sets(compiled.project, self.names)
        everything = not self.names and not self.features
        sets = compiled.project.training_sets
        return [item for item in sets if everything or item.name in chosen]

    def tables(self, compiled: Compiled) -> tuple[ResolvedFeature, ...]:
        """The features whose tables are audited.

        Raises:
            SpecErrors: There is no training set or feature of such a name.
        """
        sets, features = self.sets(compiled), compiled.project.features
        names = {
            item.name for item in select_features([item.spec for item in features], self.features)
        }
        if self.names and not self.features:
            names = {found.feature.name for item in sets for found in item.features}
        return tuple(item for item in features if item.name in names)


def audit_run(
    compiled: Compiled,
    chosen: Chosen = Chosen(),
    *,
    profile: str | None = None,
    rows: int | None = None,
    seed: int = 0,
) -> DbtRun:
    """Prepare the audits of some training sets and tables; iterate over the result to run them.

    Args:
        compiled: The project; write it before you run.
        chosen: What is audited.
        profile: Profile whose tables are audited; the default one if None.
        rows: Rows to recompute for each feature; each training set's own number if None.
        seed: Another number samples other rows.

    Raises:
        SpecErrors: Unknown training set, feature or profile, or a profile that dbt cannot run in from here.
        RetrievalError: Something is not built, or the store cannot be read.
    """
    variables: dict[str, int] = {"mlforge_audit_seed": seed}
    if rows is not None:
        variables["mlforge_audit_rows"] = rows
    target = ready_profile(compiled, profile)
    sets = audited(compiled, chosen, profile=target)
    tables = chosen.tables(compiled)
    _check_built(compiled, sets, tables, profile)
    tags = [f"tag:{set_tag(item.name)}" for item in sets]
    tags += [f"tag:{table_tag(item.name)}" for item in tables]
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
    compiled: Compiled, chosen: Chosen = Chosen(), *, profile: str | None = None
) -> tuple[Unaudited, ...]:
    """What an audit leaves out: features that are read in a certain version of their tables.

    Their values are those of the events as they were then, and nothing keeps those. A profile
    that keeps no versions has no table of such a training set at all.

    Args:
        compiled: The project.
        chosen: What is audited.
        profile: Profile whose tables are audited; the default one if None.

    Raises:
        SpecErrors: Unknown training set or profile.
    """
    target = find_profile(compiled.project.config, profile)
    kept = audited(compiled, chosen, profile=target)
    left: list[Unaudited] = []
    for item in chosen.sets(compiled):
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
    compiled: Compiled, chosen: Chosen = Chosen(), *, profile: str | None = None
) -> tuple[ResolvedTrainingSet, ...]:
    """The training sets that have something to audit in a profile.

    Args:
        compiled: The project.
        chosen: What is audited.
        profile: Profile whose tables are audited; the default one if None.

    Raises:
        SpecErrors: Unknown training set or profile.
    """
    target = find_profile(compiled.project.config, profile)
    absent = unbuildable(compiled, target)
    return tuple(
        item
        for item in chosen.sets(compiled)
        if item.name not in absent and not all(request.pin for request in item.features)
    )


def _check_built(
    compiled: Compiled,
    sets: Sequence[ResolvedTrainingSet],
    tables: Sequence[ResolvedFeature],
    profile: str | None,
) -> None:
    """See that what is audited is there, with the columns of its specs."""
    if not sets and not tables:
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
        said = {problem.message for problem in problems}
        for feature in tables:
            columns = [column.name for column in feature.columns]
            wrong = store.table_problem(feature.name, columns, spec_hash(feature), hashes)
            if wrong is not None and not any(f"`{feature.name}`" in text for text in said):
                problems.append(wrong)
    finally:
        store.close()
    if problems:
        raise RetrievalError(problems)


def verdicts(
    compiled: Compiled, run: DbtRun, *, profile: str | None = None, rows: int | None = None
) -> Verdicts:
    """What an audit that has run found.

    Args:
        compiled: The project.
        run: The run of ``audit_run``.
        profile: As there.
        rows: As there.

    Raises:
        RetrievalError: The store cannot be opened.
    """
    found = {
        (item.meta.get("training_set"), item.meta["feature"]): item
        for item in run.results
        if item.meta.get("kind") in {"audit", "feature_audit"}
    }
    if not found:
        return Verdicts()
    store = open_store(compiled.root, compiled.project, profile)
    try:
        told = _Told(compiled, store, rows, databricks=run.databricks)
        return Verdicts(
            tuple(
                told.training_set(item, request, found[item.name, request.feature.name])
                for item in compiled.project.training_sets
                for request in item.features
                if (item.name, request.feature.name) in found
            ),
            tuple(
                told.table(feature, found[None, feature.name])
                for feature in compiled.project.features
                if (None, feature.name) in found
            ),
        )
    finally:
        store.close()


@dataclass(frozen=True)
class _Told:
    """Results of dbt as verdicts."""

    compiled: Compiled
    store: Store
    rows: int | None
    databricks: bool

    def training_set(
        self, item: ResolvedTrainingSet, request: Requested, result: NodeResult
    ) -> Verdict:
        total = self.store.count(item.name) if _ran(result) else 0
        return Verdict(
            training_set=item.name,
            rows=min(total, self.rows or item.spec.audit_rows),
            total=total,
            **self._outcome(result, request.feature.name, len(request.columns)),
        )

    def table(self, feature: ResolvedFeature, result: NodeResult) -> TableVerdict:
        return TableVerdict(
            instants=self.rows or FEATURE_ROWS,
            total=self.store.count(feature.name) if _ran(result) else 0,
            **self._outcome(result, feature.name, len(feature.columns)),
        )

    def _outcome(self, result: NodeResult, feature: str, columns: int) -> dict[str, Any]:
        ran = _ran(result)
        salt = self.compiled.project.config.surrogate_key_salt_env
        names, examples = (
            self.store.first_rows(result.relation, SHOWN) if ran and result.failures else ((), ())
        )
        return {
            "feature": feature,
            "columns": columns,
            "differences": result.failures if ran else None,
            "problem": None if ran else _problem(result, salt, databricks=self.databricks),
            "table": result.relation if result.failures else None,
            "names": names,
            "examples": examples,
        }


def _ran(result: NodeResult) -> bool:
    return result.failures is not None and result.status in {"pass", "fail", "warn"}


def _problem(result: NodeResult, salt: str | None, *, databricks: bool) -> str:
    """Why an audit did not run, without secrets; in plain words where we know them."""
    secrets = (salt,) if salt else ()
    text = hide_secrets(result.message or f"the audit was {result.status}", os.environ, secrets)
    known = explain(text) if databricks else None
    return f"{known.message}; {known.hint}" if known else without_values(text, plain=True)
