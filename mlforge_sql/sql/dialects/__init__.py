"""sql/dialects."""

from __future__ import annotations
