"""Plan nodes to sqlglot trees and text."""

from __future__ import annotations
