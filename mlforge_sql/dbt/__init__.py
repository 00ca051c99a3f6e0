"""dbt."""

from __future__ import annotations
