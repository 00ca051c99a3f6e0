"""Postgres as an online store. Only this package knows the driver."""

from __future__ import annotations
