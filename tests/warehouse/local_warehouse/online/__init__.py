"""The online feature store: stores, published tables, and the worker that keeps them in step."""

from __future__ import annotations
