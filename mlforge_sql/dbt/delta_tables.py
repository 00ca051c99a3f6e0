"""What the tables of a project need on Databricks: keys, clustering, change data feed, tags."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from mlforge_sql.dbt.escape import jinja_text, safe_values
from mlforge_sql.dbt.model_properties import ModelProperties
from mlforge_sql.dbt.targets import databricks_places, writes_to
from mlforge_sql.expressions import needs_quotes
from mlforge_sql.plan.nodes import Current, Latest, Rolling, Tiles, Upcoming
from mlforge_sql.spec.config import ProjectConfig
from mlforge_sql.spec.databricks_online import DatabricksOnlineStore
from mlforge_sql.types import ColumnType, Kind

CLUSTERED = 4
"""Columns that a table can be clustered by."""

TAGGED = 50
"""Tags that a table can have."""

TAG_TABLES = "{{ mlforge_tag_tables(results) }}"

_INSTANT = "feature_timestamp"
_ON_DATABRICKS = "target.type == 'databricks'"
_NOT_CLUSTERED = frozenset({Kind.BOOLEAN, Kind.OTHER})
_NOT_IN_DELTA = re.compile(r"[ ,;{}()\n\t=]")
_TAG = re.compile(r"\w(?:[\w ]*\w)?")
_MAPPED = {"delta.columnMapping.mode": "name"}
_FOLLOWED = {"delta.enableChangeDataFeed": "true"}


class DeltaTables:
    """Adds to the properties of models what their tables need on Databricks.

    A project without a Databricks profile stays as it is; where a value is for Databricks alone,
    it is a Jinja expression over the target.

    Args:
        config: The project's profiles.
    """

    def __init__(self, config: ProjectConfig) -> None:
        stores = {name: profile.offline_store for name, profile in config.profiles.items()}
        places = databricks_places(config)
        followed = {
            places[name]
            for name, profile in config.profiles.items()
            if name in places
            and isinstance(profile.online_store, DatabricksOnlineStore)
            and profile.online_store.sync_mode != "snapshot"
        }
        self._targets = list(places)
        self._alone = len(places) == len(stores)
        self._following = [name for name, place in places.items() if place in followed]
        self._followed = [place for place in places.values() if place in followed]

    @property
    def wanted(self) -> bool:
        """Whether any profile is on Databricks."""
        return bool(self._targets)

    def run_end(self) -> list[str]:
        """The hook at the end of a run, which sets tags."""
        return [TAG_TABLES] if self.wanted else []

    def persist_docs(self) -> dict[str, Any]:
        """The ``+persist_docs`` of a folder of models; empty without Databricks."""
        if not self.wanted:
            return {}
        value: Any = True if self._alone else f"{{{{ {_ON_DATABRICKS} }}}}"
        return {"+persist_docs": {"relation": value, "columns": value}}

    def feature(self, properties: ModelProperties, node: Rolling | Latest) -> ModelProperties:
        """A feature table: what Databricks' own feature lookups ask of one."""
        if not self.wanted:
            return properties
        key = [*(_quoted(name) for name, _ in node.keys), f"{_INSTANT} timeseries"]
        instant = (_INSTANT, ColumnType(Kind.TIMESTAMP))
        config = replace(properties.config, liquid_clustered_by=_clustering([*node.keys, instant]))
        keyed = replace(properties, config=config, constraints=(self._primary_key(node.name, key),))
        return self._table(keyed)

    def current(self, properties: ModelProperties, node: Current) -> ModelProperties:
        """A table of current values. Where an online table follows its changes, they are merged."""
        return self._published(properties, node.name, node.keys)

    def upcoming(self, properties: ModelProperties, node: Upcoming) -> ModelProperties:
        """A table of rows that begin later, merged like the current values.

        Its key has no time series: an online table would keep only the last row of one.
        """
        key = [*node.keys, (_INSTANT, ColumnType(Kind.TIMESTAMP))]
        return self._published(properties, node.name, key)

    def _published(
        self,
        properties: ModelProperties,
        table: str,
        key: Sequence[tuple[str, ColumnType]],
    ) -> ModelProperties:
        if not self.wanted:
            return properties
        config, clustering = properties.config, _clustering(key)
        if self._following:
            config = replace(
                config,
                materialized=self._where_followed("incremental", "table"),
                incremental_strategy="mlforge_changes",
                unique_key=[name for name, _ in key],
                on_schema_change="append_new_columns",
            )
            clustering = [
                name for name in clustering if not name.startswith("`")
            ]  # else altered by every run
        keyed = replace(
            properties,
            config=replace(config, liquid_clustered_by=clustering),
            constraints=(self._primary_key(table, [_quoted(name) for name, _ in key]),),
        )
        return self._table(keyed, followed=True)

    def tiles(self, properties: ModelProperties, node: Tiles) -> ModelProperties:
        """A table of tiles."""
        if not self.wanted:
            return properties
        clustering = _clustering([*node.keys, (node.tick, ColumnType(Kind.INTEGER))])
        config = replace(properties.config, liquid_clustered_by=clustering)
        return self._table(replace(properties, config=config))

    def training_set(self, properties: ModelProperties) -> ModelProperties:
        """The table of a training set."""
        return self._table(properties) if self.wanted else properties

    def _table(
        self,
        properties: ModelProperties,
        *,
        followed: bool = False,
    ) -> ModelProperties:
        columns = properties.columns
        config, meta = properties.config, properties.config.meta
        tags = _tags(config.tags)
        if tags or any(column.unit for column in columns):
            meta = {**meta, "table_tags": tags}
        names = [column.name for column in columns]
        config = replace(
            config,
            meta=meta,
            tblproperties=self._table_properties(names, followed=followed),
        )
        described = [
            replace(column, description=self._kept(column.description)) for column in columns
        ]
        return replace(
            properties,
            description=self._kept(properties.description),
            config=config,
            columns=tuple(described),
        )

    def _primary_key(self, table: str, columns: Iterable[str]) -> dict[str, str]:
        """The named constraint; dbt writes none where its expression is empty."""
        expression = f"primary key ({', '.join(columns)})"
        if not self._alone:
            expression = f"{{{{ {jinja_text(expression)} if {_ON_DATABRICKS} else '' }}}}"
        return {"type": "custom", "name": f"{table}_pk".lower(), "expression": expression}

    def _table_properties(self, names: Iterable[str], *, followed: bool) -> Any:
        mapped = _MAPPED if any(_NOT_IN_DELTA.search(name) for name in names) else {}
        if not followed or not self._following:
            return dict(mapped)
        everywhere = {**mapped, **_FOLLOWED}
        if self._following == self._targets:
            return everywhere
        return self._where_followed(everywhere, mapped)

    def _where_followed(self, value: Any, otherwise: Any) -> Any:
        """A value for the targets whose online tables follow changes."""
        if self._following == self._targets:
            if self._alone:
                return value
            condition = _ON_DATABRICKS
        else:
            condition = writes_to(self._followed)
        return f"{{{{ {value!r} if {condition} else {otherwise!r} }}}}"

    def _kept(self, text: str) -> str:
        """A description that survives: dbt-databricks escapes quotes in comments, not backslashes."""
        if "\\" not in text:
            return text
        literal = text[3:-3] if text.startswith("{{ '") else jinja_text(text)
        doubled = r"'\\\\'" if self._alone else rf"'\\\\' if {_ON_DATABRICKS} else '\\'"
        return rf"{{{{ {literal} | replace('\\', {doubled}) }}}}"


def _quoted(name: str) -> str:
    """A key in SQL: letters, digits and ``_``, but perhaps a word of SQL."""
    return f"`{name}`" if needs_quotes(name.lower()) else name


def _clustering(columns: Iterable[tuple[str, ColumnType]]) -> list[str]:
    """The first columns that a table can be clustered by; dbt-databricks does not quote them."""
    names = [_quoted(name) for name, kind in columns if kind.family not in _NOT_CLUSTERED]
    return safe_values(names[:CLUSTERED])  # type: ignore[no-any-return]  # a list stays one


def _tags(tags: Iterable[str]) -> list[str]:
    """Tags that the catalog can have, without values. Others are tags of dbt alone."""
    return [tag for tag in dict.fromkeys(tags) if _TAG.fullmatch(tag)][:TAGGED]
