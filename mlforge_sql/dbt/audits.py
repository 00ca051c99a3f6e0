"""Audits in the dbt project: singular tests."""

from __future__ import annotations

from mlforge_sql.plan.nodes import Audit

TAG = "mlforge_audit"


def audit_text(node: Audit, query: str) -> str:
    """The body of an audit: its config, what it does, and its query."""
    meta = (
        f"{{'kind': 'audit', 'training_set': '{node.training_set}', 'feature': '{node.feature}'}}"
    )
    return (
        "{{\n    config(\n"
        f"        tags=['{TAG}', '{TAG}_{node.training_set}'],\n"
        "        store_failures=true,\n"
        f"        meta={{'mlforge': {meta}}},\n"
        "    )\n}}\n\n"
        f"-- Leakage audit of {node.feature} in {node.training_set}: sampled rows of the training set, every value computed\n"
        "-- again from the events that its label may see. One row for each value that differs; none when all is well.\n"
        f"-- Vars: mlforge_audit_rows (how many rows, {node.rows} by default), mlforge_audit_seed (which ones).\n\n"
        f"{query}"
    )
