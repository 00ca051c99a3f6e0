"""The statements of Databricks SQL that Spark and Delta lack, one named rule each."""

from __future__ import annotations

from warehouse.local_warehouse.rules import (
    comments,
    connections,
    constraints,
    describe,
    foreign,
    grants,
    inserts,
    namespaces,
    tables,
    tags,
)
from warehouse.local_warehouse.rules.rule import Rule

RULES: tuple[Rule, ...] = (
    *foreign.RULES,
    *namespaces.RULES,
    *describe.RULES,
    *tags.RULES,
    *constraints.RULES,
    *comments.RULES,
    *connections.RULES,
    *grants.RULES,
    *inserts.RULES,
    *tables.RULES,
)
