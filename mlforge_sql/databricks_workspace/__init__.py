"""A Databricks workspace: how to log in, whether it answers, statements without dbt."""

from __future__ import annotations
