"""What went wrong in a run of dbt: each problem once, whatever number of nodes it stopped."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from mlforge_sql.databricks_workspace.explanations import (
    Explanation,
    explain,
    explain_source,
    explain_sum,
    hide_secrets,
)
from mlforge_sql.dbt import duckdb_errors
from mlforge_sql.dbt.artifacts import NodeResult, known_columns
from mlforge_sql.dbt.run import DbtRun
from mlforge_sql.redaction import without_values


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that went wrong.

    Attributes:
        nodes: The models and tests that ended with it; empty when dbt could not begin.
        text: dbt's own words, without secrets and without values of rows.
        explanation: What that means, if we know.
    """

    nodes: tuple[NodeResult, ...]
    text: str
    explanation: Explanation | None = None


def problems(run: DbtRun) -> tuple[Problem, ...]:
    """The failures and warnings of a finished run, in dbt's order.

    Nodes that failed for one explained reason are one problem.
    """
    if not run.results:
        return _without_results(run)
    found: dict[object, Problem] = {}
    wrong = [node for node in run.results if node.failed or node.status == "warn"]
    columns = known_columns(run.folder / "target") if wrong else frozenset()
    for node in wrong:
        text = hide_secrets(node.message or "no message", os.environ, run.secrets)
        reason = None if is_verdict(node) else _explained(run, text)
        text = without_values(text, columns, plain=True)
        same = found.get(reason) if reason else None
        key: object = reason or node.name
        nodes = (*same.nodes, node) if same else (node,)
        found[key] = Problem(nodes, same.text if same else text, reason)
    return tuple(found.values())


def said(run: DbtRun) -> tuple[list[str], list[str]]:
    """What macros warn of, and what our hooks say that they did: each once, without secrets."""
    warnings, notes = (
        list(dict.fromkeys(hide_secrets(text, os.environ, run.secrets) for text in texts))
        for texts in (run.warnings, run.notes)
    )
    return warnings, notes


def is_verdict(node: NodeResult) -> bool:
    """True for tests that ran and found rows, rather than ended in an error."""
    return node.kind == "test" and node.failures is not None and node.status in {"fail", "warn"}


def _explained(run: DbtRun, text: str) -> Explanation | None:
    """What an error means: on DuckDB our own checks say it, the rest is in dbt's words."""
    missing = missing_model(text)
    if missing is not None:
        return missing
    if run.databricks:
        return explain(text)
    return duckdb_errors.explain(text) or explain_source(text) or explain_sum(text)


_MISSING = re.compile(
    r"Model '[^']*' \((?P<file>[^)]*)\) depends on a node named '(?P<name>[^']*)' which was not found"
)


def missing_model(text: str) -> Explanation | None:
    """That a source or labels name a dbt model that is not there."""
    found = _MISSING.search(text)
    if found is None:
        return None
    return Explanation(
        "MF160",
        f"there is no dbt model `{found['name']}`, which {found['file']} reads",
        f"write it as `models/{found['name']}.sql` into the folder of the dbt project, which compile "
        "leaves alone, or name one that is there as `model:`",
    )


def _without_results(run: DbtRun) -> tuple[Problem, ...]:
    """Why dbt could not begin: on Databricks one reason, with the last of what was said of it."""
    texts = [hide_secrets(text, os.environ, run.secrets) for text in run.errors]
    reason = next((known for text in reversed(texts) if (known := _explained(run, text))), None)
    shown = [without_values(text, plain=True) for text in texts]
    if reason is not None:
        return (Problem((), shown[-1], reason),)
    if not texts and not run.ok:
        silent = f"dbt ended with exit code {run.exit_code} and did not say why; see logs/dbt.log"
        return (Problem((), silent),)
    return tuple(Problem((), text) for text in shown)
