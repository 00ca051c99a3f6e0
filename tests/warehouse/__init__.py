"""The local Databricks SQL warehouse; `client.py` is what tests use."""

from __future__ import annotations
