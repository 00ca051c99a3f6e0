"""Tests of online stores."""

from __future__ import annotations
