"""The stages in order: compile, build, audit."""

from __future__ import annotations
