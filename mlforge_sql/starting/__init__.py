"""A first project: one with sample data, or one for the user's own files."""

from __future__ import annotations
