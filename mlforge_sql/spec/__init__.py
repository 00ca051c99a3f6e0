"""What a valid spec is: one frozen model for each noun."""

from __future__ import annotations
