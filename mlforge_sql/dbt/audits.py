"""Audits and accounts in the dbt project: singular tests."""

from __future__ import annotations

from mlforge_sql.plan.nodes import Account, Audit, FeatureAccount

TAG = "mlforge_audit"

STORED = "_mlforge_"
"""How the names of tables with what audits found begin."""

SEVERITY = "        severity=var('mlforge_audit_severity', 'error'),\n"
"""``warn`` is for sources that grow while the build runs."""


def set_tag(training_set: str) -> str:
    """The tag of all audits of a training set."""
    return f"{TAG}_{training_set}"


def table_tag(feature: str) -> str:
    """The tag of the audit of a feature's table."""
    return f"mlforge_table_audit_{feature}"


def audit_text(node: Audit, name: str, query: str) -> str:
    """The body of the audit ``name``: its config, what it does, and its query.

    What differs is kept in a table beside the features: a name like no feature's.
    """
    if node.labels is None:
        tag = table_tag(node.feature)
        about = {"kind": "feature_audit", "feature": node.feature}
        what = (
            f"-- Audit of the table of {node.feature}: at sampled instants at which a value changes, and a microsecond before\n"
            "-- them, the row that holds is computed again from the events. Its entities are compared with those of the\n"
            "-- source; of sampled entities, so are all instants at which rows begin. One row for each difference.\n"
        )
        many = "instants"
    else:
        training_set = node.labels.training_set
        tag = set_tag(training_set)
        about = {"kind": "audit", "training_set": training_set, "feature": node.feature}
        what = (
            f"-- Leakage audit of {node.feature} in {training_set}: sampled rows of the training set, every value computed\n"
            "-- again from the events that its label may see. One row for each value that differs; none when all is well.\n"
        )
        many = "rows"
    return (
        "{{\n    config(\n"
        f"        tags=['{TAG}', '{tag}'],\n"
        "        store_failures=true,\n"
        f"        alias='{STORED}{name}',\n"
        f"{SEVERITY}"
        f"        meta={{'mlforge': {about}}},\n"
        "    )\n}}\n\n"
        f"{what}"
        f"-- Vars: mlforge_audit_rows (how many {many}, {node.rows} by default), mlforge_audit_seed (which ones).\n\n"
        f"{query}"
    )


def account_text(node: Account, query: str) -> str:
    """The body of an account: its config, what it does, and its query."""
    return (
        "{{\n    config(\n"
        f"{SEVERITY}"
        f"        meta={{'mlforge': {{'kind': 'rows', 'source': '{node.source}'}}}},\n"
        "    )\n}}\n\n"
        f"-- Every row of {node.source} is in {node.staging}, or removed by `where` or `dedupe`, which are counted here in\n"
        "-- another way. One row of numbers when they do not add up; none when all is well.\n"
        "-- Rows without a key or a time are staged, and counted at the inputs of features.\n\n"
        f"{query}"
    )


def feature_account_text(node: FeatureAccount, query: str) -> str:
    """The body of an account of a feature: its config, what it does, and its query."""
    where = f"are counted in {node.tiles}" if node.tiles else f"begin rows of {node.feature}"
    return (
        "{{\n    config(\n"
        f"{SEVERITY}"
        f"        meta={{'mlforge': {{'kind': 'feature_rows', 'feature': '{node.feature}'}}}},\n"
        "    )\n}}\n\n"
        f"-- Every row of {node.staging} is in {node.input}, or removed by `where`. Rows without a key or a time count\n"
        f"-- nowhere; all others {where}. One row of numbers when they do not add up; none when all is well.\n\n"
        f"{query}"
    )
