"""A Databricks SQL warehouse on one machine: the connector's protocol, Spark and Delta behind it."""

from __future__ import annotations
