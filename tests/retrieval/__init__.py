"""Training data for Python: frames, files, streams."""

from __future__ import annotations
