"""The joiner of a store."""

from __future__ import annotations

from mlforge_sql.retrieval.databricks.joiner import DatabricksJoiner
from mlforge_sql.retrieval.duckdb import DuckDbJoiner
from mlforge_sql.retrieval.joiner import Joiner
from mlforge_sql.stores.databricks.store import DatabricksStore
from mlforge_sql.stores.duckdb import DuckDbStore
from mlforge_sql.stores.store import Store


def joiner_of(store: Store) -> Joiner:
    """What joins labels to the features of a store.

    Raises:
        TypeError: It is a store of another kind.
    """
    match store:
        case DuckDbStore():
            return DuckDbJoiner(store)
        case DatabricksStore():
            return DatabricksJoiner(store)
        case _:
            raise TypeError(f"no labels are joined to a {type(store).__name__}")
