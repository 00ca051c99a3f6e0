"""What went wrong in a run of dbt, as users see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlforge_sql.cli._render import say, show_diagnostic
from mlforge_sql.errors import Diagnostic

if TYPE_CHECKING:
    from mlforge_sql.databricks_workspace.explanations import Explanation
    from mlforge_sql.dbt.artifacts import NodeResult
    from mlforge_sql.dbt.problems import Problem

_NAMED = 5
_LINES = 20


def show_problem(problem: Problem) -> None:
    """Show one problem: a sentence and the next step where we know them, then dbt's words."""
    if problem.explanation is not None:
        _show_explained(problem, problem.explanation)
    elif not problem.nodes:
        say(f"error: {problem.text}", style="red")
    else:
        _show_node(problem.nodes[0], problem.text)


def _show_explained(problem: Problem, explanation: Explanation) -> None:
    listed = _listed(problem.nodes)
    message = f"{listed}: {explanation.message}" if listed else explanation.message
    show_diagnostic(None, Diagnostic(explanation.code, message, hint=explanation.hint))
    say("  dbt's own words:")
    lines = [line.strip() for line in problem.text.splitlines() if line.strip()]
    for line in lines[:_LINES]:
        say(f"    {line}")
    if len(lines) > _LINES:
        say("    ... (all of it is in dbt's logs/dbt.log)")


def _listed(nodes: tuple[NodeResult, ...]) -> str:
    """The models and tests by name, at most five; hooks have none that users know."""
    known = [node for node in nodes if node.kind != "operation"]
    names = [f"{node.kind} `{node.name}`" for node in known[:_NAMED]]
    more = len(known) - _NAMED
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")


def _show_node(node: NodeResult, text: str) -> None:
    color = "red" if node.failed else "yellow"
    word = "error" if node.failed else "warning"
    if node.meta.get("kind") == "audit" and node.failures:
        what = f"{node.meta['feature']} in {node.meta['training_set']}"
        differ = f"{node.failures:,} values differ; see `mlforge audit`"
        say(f"error: audit of {what}: {differ}", style=color)
    elif node.kind == "test" and node.failures is not None and node.status in {"fail", "warn"}:
        rows = f"{node.failures:,} row{'s' if node.failures != 1 else ''}"
        say(f"{word}: {node.on}: {node.about or node.name}: {rows}", style=color)
    else:
        say(f"{word}: {node.kind} `{node.name}`", style=color)
        for line in text.strip().splitlines():
            say(f"  {line.strip()}" if line.strip() else "")
