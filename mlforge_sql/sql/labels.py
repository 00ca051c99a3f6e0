"""Labels: the rows of a source as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import aliased, ref, source
from mlforge_sql.expressions import column
from mlforge_sql.plan.nodes import Labels
from mlforge_sql.sql.query import ModelQuery
from mlforge_sql.sql.staging import rows_query, surrogate_key
from mlforge_sql.types import TEXT

if TYPE_CHECKING:
    from sqlglot import exp


def labels_query(node: Labels, dialect: Dialect, source_group: str) -> ModelQuery:
    """The SQL of a model of labels."""
    relation = ref(node.model) if node.model else source(source_group, node.source)
    keys = [aliased(surrogate_key(key), key.name) for key in node.keys]
    own = [_as_told(name, node, dialect) for name in node.columns]
    return rows_query("labels", relation, node, [*keys, *own], dialect)


def _as_told(name: str, node: Labels, dialect: Dialect) -> exp.Expr:
    """A column of the labels; times that files tell in text are text from tables too."""
    value = column(name)
    read = node.reading
    instants = {item.name for item in read.columns if read.on_tables(item) != item.type}
    if name in instants and not (dialect.reads_files and read.path):
        return aliased(dialect.cast(value, TEXT), name)
    return value
