"""What to compute, without a dialect."""

from __future__ import annotations
