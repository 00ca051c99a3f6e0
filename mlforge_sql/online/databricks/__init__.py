"""Databricks as an online store: tables that its own pipelines keep in Lakebase, a Postgres."""

from __future__ import annotations
