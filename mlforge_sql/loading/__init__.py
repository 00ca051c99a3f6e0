"""YAML and Python files to specs, with places; schemas of data files."""

from __future__ import annotations
