"""Labels: the rows of a source as they are."""

from __future__ import annotations

from mlforge_sql.plan.nodes import Labels
from mlforge_sql.sql.build import aliased, columns, ref, source
from mlforge_sql.sql.dialects.base import Dialect
from mlforge_sql.sql.query import ModelQuery
from mlforge_sql.sql.staging import rows_query, surrogate_key


def labels_query(node: Labels, dialect: Dialect, source_group: str) -> ModelQuery:
    """The SQL of a model of labels."""
    relation = ref(node.model) if node.model else source(source_group, node.source)
    keys = [aliased(surrogate_key(key, dialect, widened=True), key.name) for key in node.keys]
    return rows_query("labels", relation, node, [*keys, *columns(node.columns)], dialect)
