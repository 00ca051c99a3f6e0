"""What models need to be brought up to date rather than built anew: materialization, hooks, a ledger's properties."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from mlforge_sql.dbt.escape import jinja_safe, safe_values
from mlforge_sql.dbt.model_properties import ModelProperties
from mlforge_sql.dbt.properties import model_config
from mlforge_sql.dbt.templates import template_files
from mlforge_sql.plan.nodes import Incremental, Ledger, Plan, Rolling, Tiles
from mlforge_sql.spec.config import ProjectConfig
from mlforge_sql.sql.branches import Branches

RUN_START = "{{ mlforge_create_states() }}"
FORGET = "{{ mlforge_forget_state() }}"
REMEMBER = "{{ mlforge_remember_state() }}"

_ON_DUCKDB = "target.type == 'duckdb'"
_DECISIVE = ("numbers", "times", "windows", "words")
"""Folders of macros that models compute values with."""


class IncrementalTables:
    """Adds to the properties of models what their tables need to be brought up to date.

    A project that does not ask for it stays as it is. On Databricks all tables are built anew.

    Args:
        config: The project's profiles.
        plan: Its models.
        branches: The engines the SQL is for.
        macros: The macros of the project, by path: what is computed with others is computed anew.

    Attributes:
        files: The macros that bring tables up to date.
    """

    def __init__(
        self,
        config: ProjectConfig,
        plan: Plan,
        branches: Branches,
        macros: Mapping[PurePosixPath, str],
    ) -> None:
        self._wanted = config.is_incremental
        self._everywhere = not config.on_databricks
        self._branches = branches
        self._models = {item.name: item for item in plan.incremental}
        self._inputs = {item.name: item for item in plan.inputs}
        self._tiles = {item.name: item for item in plan.tiles}
        self._columns = {
            ledger.name: [ledger.event_time, *ledger.columns] for ledger in plan.ledgers
        }
        self.files = template_files("incremental") if self._wanted else {}
        decisive = {path: text for path, text in macros.items() if path.parts[1] in _DECISIVE}
        self._macros = _hash(text for _, text in sorted({**decisive, **self.files}.items()))

    def run_start(self) -> list[str]:
        """The hook at the start of a run."""
        return [RUN_START] if self._wanted else []

    def node(self, node: Any) -> Any:
        """The node as it is compiled: what is brought up to date says so."""
        return self._models.get(node.name, node)

    def table(self, properties: ModelProperties) -> ModelProperties:
        """A table of tiles or of a feature."""
        item = self._models.get(properties.name)
        if item is None:
            return properties
        node = item.node
        how: dict[str, Any] = {
            "ledger": item.ledger,
            "definition": self._definition(item, properties),
            "keys": [name for name, _ in node.keys],
            "event_time": node.event_time,
            "tick": node.tick,
            "interval": str(item.clock.interval) if item.clock.interval else None,
            "inclusive": item.clock.inclusive,
            "delay": str(item.delay) if item.delay and item.delay.microseconds else None,
            "reach": item.reach,
            "endless": item.is_endless,
            "of_ticks": isinstance(node, Tiles),
            "tiles": item.tiles,
        }
        return self._kept(properties, how, "mlforge_ranges")

    def ledger(self, node: Ledger) -> ModelProperties:
        """The properties of a ledger."""
        readers = ", ".join(f"`{name}`" for name in node.readers)
        text = (
            f"Of each entity and day, in which build the events of `{node.staging}` have last changed: "
            f"what {readers} have to compute anew."
        )
        config = model_config("ledger")
        if not self._everywhere:
            config = replace(config, enabled=f"{{{{ {_ON_DUCKDB} }}}}")
        forgetful = replace(node, columns=(), readers=())
        how = {
            "staging": node.staging,
            "definition": _hash(
                [self._macros, self._branches.model(forgetful, ""), *map(str, node.key_types)]
            ),
            "keys": list(node.keys),
            "columns": self._columns[node.name],
        }
        properties = ModelProperties(node.name, jinja_safe(text), config)
        return self._kept(properties, how, "mlforge_ledger")

    def _kept(
        self, properties: ModelProperties, how: Mapping[str, Any], strategy: str
    ) -> ModelProperties:
        materialized = "incremental"
        if not self._everywhere:
            materialized = f"{{{{ 'incremental' if {_ON_DUCKDB} else 'table' }}}}"
        config = properties.config
        config = replace(
            config,
            meta={**config.meta, "incremental": safe_values(dict(how))},
            materialized=materialized,
            incremental_strategy=strategy,
            on_schema_change="append_new_columns",
            pre_hook=FORGET,
            post_hook=(*config.post_hook, REMEMBER),
        )
        return replace(properties, config=config)

    def _definition(self, item: Incremental, properties: ModelProperties) -> str:
        """What the table was computed by, as a hash: another one is another table.

        It is of the whole SQL and all that it calls. Of tiles that features share only what this one reads counts, so
        that another feature's columns leave it as it is. What staging makes of a source is not in it: the ledger compares
        that row by row.
        """
        node = item.node
        parts = [self._macros, self._branches.model(node, "")]
        parts += [f"{column.name} {column.data_type}" for column in properties.columns]
        if not isinstance(node, Tiles):
            parts.append(self._branches.model(self._inputs[node.input], ""))
        if isinstance(node, Rolling) and node.tiles is not None:
            parts.append(self._branches.model(_read(self._tiles[node.tiles], node), ""))
        return _hash(parts)


def _read(tiles: Tiles, node: Rolling) -> Tiles:
    """The tiles, with what a feature reads of them."""
    moments = {item.name for column in node.columns for item in column.moments}
    names = {item.name for item in node.measures} | moments
    return replace(
        tiles,
        measures=tuple(item for item in tiles.measures if item.name in names),
        features=(node.name,),
        uses=tuple(
            replace(use, feature=node.name, column="") for use in tiles.uses if use.measure in names
        ),
    )


def _hash(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
