"""The dbt project: its files, how they are written, how dbt is run."""

from __future__ import annotations
