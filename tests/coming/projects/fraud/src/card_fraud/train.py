"""Trains a model: no spec, and never run while the project is read."""

from __future__ import annotations

raise RuntimeError("train.py was run")
