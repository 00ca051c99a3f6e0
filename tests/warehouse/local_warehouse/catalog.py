"""Three-level names on Spark's two: schema `s` of catalog `c` is Spark's schema `c__s`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from warehouse.local_warehouse.governance import TableName

DEFAULT_SCHEMA = "default"


@dataclass(frozen=True)
class Field:
    """A column: its type as text and as Spark's JSON."""

    name: str
    type: str
    json: object
    nullable: bool = True
    comment: str | None = None


@dataclass(frozen=True)
class Relation:
    """A table or view as the catalog lists it."""

    name: TableName
    kind: str
    provider: str | None = None
    comment: str | None = None
    created_ms: int = 0
    view_text: str | None = None

    @property
    def is_view(self) -> bool:
        return self.kind == "VIEW"


class Catalogs:
    """The declared catalogs and their schemas' names in Spark."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = tuple(name.lower() for name in names)
        known = "|".join(re.escape(name) for name in self.names)
        self._inside = re.compile(rf"(?:`?spark_catalog`?\.)?`({known})__([^`]+)`")
        self._bare = re.compile(rf"(?:\bspark_catalog\.)?\b({known})__(\w+)")

    def __contains__(self, name: object) -> bool:
        return name in self.names

    @property
    def first(self) -> str:
        return self.names[0]

    def physical(self, catalog: str, schema: str) -> str:
        """The schema's name in Spark, quoted."""
        return f"`{catalog}__{schema}`"

    def relation(self, name: TableName) -> str:
        """The table's name in Spark, quoted."""
        if name.temporary:
            return f"`{name.table}`"
        return f"{self.physical(name.catalog, name.schema)}.`{name.table}`"

    def logical(self, database: str) -> tuple[str, str] | None:
        """Catalog and schema of a schema of Spark; nothing for Spark's own."""
        catalog, separator, schema = database.partition("__")
        return (catalog, schema) if separator and catalog in self.names else None

    def spoken(self, text: str) -> str:
        """A text of Spark with the names of Databricks."""
        text = self._inside.sub(r"`\1`.`\2`", text)
        text = self._bare.sub(r"\1.\2", text)
        return re.sub(r"`?\bspark_catalog\b`?\.", "", text)
