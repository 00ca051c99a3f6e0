"""Specs to meanings: references, types, rules."""

from __future__ import annotations
