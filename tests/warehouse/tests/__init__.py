"""The warehouse's own tests."""

from __future__ import annotations
