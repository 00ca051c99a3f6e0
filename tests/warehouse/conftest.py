"""The server's modules need its own environment: nothing here imports them for doctests."""

from __future__ import annotations

collect_ignore = ["local_warehouse", "delta_jar.py"]
