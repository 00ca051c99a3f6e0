"""Plan nodes to SQL text, one dialect at a time."""

from __future__ import annotations

from typing import assert_never

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.plan.nodes import (
    Account,
    Audit,
    Current,
    FeatureAccount,
    Incremental,
    Input,
    Labels,
    Latest,
    Ledger,
    Node,
    Rolling,
    Staging,
    Tiles,
    Upcoming,
)
from mlforge_sql.sql.accounts import account_query
from mlforge_sql.sql.audit import audit_query
from mlforge_sql.sql.current import published_query
from mlforge_sql.sql.feature_accounts import feature_account_query
from mlforge_sql.sql.incremental import narrowed
from mlforge_sql.sql.inputs import input_query
from mlforge_sql.sql.labels import labels_query
from mlforge_sql.sql.latest import latest_query
from mlforge_sql.sql.ledgers import ledger_query
from mlforge_sql.sql.query import ModelQuery
from mlforge_sql.sql.rolling import rolling_query
from mlforge_sql.sql.staging import staging_query
from mlforge_sql.sql.text import layout
from mlforge_sql.sql.tiles import tiles_query


def compile_sql(node: Node, dialect: Dialect, source_group: str) -> tuple[str, ...]:
    """The text of one dbt model in parts, as ``layout`` gives it.

    Args:
        node: What to compute.
        dialect: How to say it.
        source_group: Name of the dbt source that the project's tables are in.
    """
    return layout(model_query(node, dialect, source_group), dialect)


def model_query(  # noqa: C901, PLR0911, PLR0912 - one for each kind of node
    node: Node, dialect: Dialect, source_group: str
) -> ModelQuery:
    """The steps of one dbt model."""
    match node:
        case Staging():
            return staging_query(node, dialect, source_group)
        case Input():
            return input_query(node, dialect)
        case Tiles():
            return tiles_query(node, dialect)
        case Rolling():
            return rolling_query(node, dialect)
        case Latest():
            return latest_query(node, dialect)
        case Current() | Upcoming():
            return published_query(node, dialect)
        case Labels():
            return labels_query(node, dialect, source_group)
        case Audit():
            return audit_query(node, dialect)
        case Account():
            return account_query(node, dialect, source_group)
        case FeatureAccount():
            return feature_account_query(node, dialect)
        case Ledger():
            return ledger_query(node, dialect)
        case Incremental():
            return narrowed(model_query(node.node, dialect, source_group), node, dialect)
        case _:
            assert_never(node)
