"""The JSON schema of specs, and the reference pages that are made from it."""

from __future__ import annotations
