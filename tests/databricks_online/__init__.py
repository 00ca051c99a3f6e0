"""The online feature store of Databricks: hooks, the planner in Python, lookups."""

from __future__ import annotations
