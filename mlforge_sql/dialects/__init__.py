"""What differs between engines."""

from __future__ import annotations
