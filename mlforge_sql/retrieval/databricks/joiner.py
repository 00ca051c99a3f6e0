"""Labels joined to features on a SQL warehouse."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import override

from mlforge_sql.dialects.quoting import DATABRICKS, Sql
from mlforge_sql.errors import Diagnostic, RetrievalError, suggest
from mlforge_sql.retrieval.databricks.rows import LocalRows, Paged, StoredRows
from mlforge_sql.retrieval.joiner import Joiner
from mlforge_sql.retrieval.joining import Join
from mlforge_sql.retrieval.labels import LabelTable
from mlforge_sql.stores.databricks.names import parts_of
from mlforge_sql.stores.databricks.store import DatabricksStore
from mlforge_sql.types import ColumnType, parse_type


@dataclass(frozen=True)
class DatabricksJoiner(Joiner):
    """Joins in the session of a store.

    Attributes:
        store: The store.
    """

    store: DatabricksStore

    @override
    def table_labels(self, name: str) -> LabelTable:
        parts = parts_of(name)
        if parts is None or len(parts) > 3:
            message = f"`{name}` is not the name of a table"
            hint = "write `catalog.schema.table`, each part in backticks where it has a point"
            raise RetrievalError([Diagnostic("MF063", message, hint=hint)])
        full = (*self.store.place, "")[: 3 - len(parts)] + parts
        relation = DATABRICKS.name(*full)
        try:
            return LabelTable(relation, self._described(relation), local=False)
        except RetrievalError as error:
            if self.store.session.lost:
                raise
            raise self._no_table(name, full, error) from None

    def _no_table(self, name: str, full: tuple[str, ...], error: RetrievalError) -> RetrievalError:
        """Why a table cannot be read, with the nearest name when there is none."""
        try:
            known = [
                str(row[1])
                for row in self.store.session.rows(f"show tables in {DATABRICKS.name(*full[:2])}")
            ]
        except RetrievalError:
            known = []
        if not known or full[2].lower() in map(str.lower, known):
            found = error.diagnostics[0]
            message = f"cannot read `{name}`: {found.message}"
            return RetrievalError([Diagnostic("MF063", message, hint=found.hint)])
        shown = [item for item in known if not item.startswith(("_", "int_", "stg_"))]
        near = suggest(full[2], known)
        hint = near if near.startswith("did you mean") else suggest(full[2], shown)
        hint += "; or name a parquet, csv or json file"
        message = f"there is no file and, in `{'.'.join(full[:2])}`, no table `{full[2]}`"
        return RetrievalError([Diagnostic("MF063", message, hint=hint)])

    @override
    def query_labels(self, query: str) -> LabelTable:
        """Names in it that do not say their schema are those of the profile."""
        relation = f"({query.strip().rstrip(';')}\n)"
        try:
            self.store.session.run(f"use schema {DATABRICKS.name(self.store.place[1])}")
            return LabelTable(relation, self._described(relation), local=False)
        except RetrievalError as error:
            if self.store.session.lost:
                raise
            found = error.diagnostics[0]
            message = f"the query of the labels cannot run: {found.message}"
            raise RetrievalError([Diagnostic("MF063", message, hint=found.hint)]) from None

    def _described(self, relation: str) -> dict[str, ColumnType]:
        """The columns of a relation and their types."""
        query = DATABRICKS.sql(
            "describe query select * from {relation} as labels",
            relation=Sql(relation),  # a table's name, or the user's own query
        )
        rows = self.store.session.rows(query)
        return {str(name): _type(str(kind)) for name, kind, *_ in rows}

    @override
    def join(self, labels: LabelTable, join: Join, *, own: bool) -> Paged:
        if labels.local:
            return LocalRows(self.store, labels, join, own)
        return StoredRows.of(self.store, labels, join)


def _type(name: str) -> ColumnType:
    return parse_type("null" if name == "void" else name)
