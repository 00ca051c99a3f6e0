"""A Databricks SQL warehouse on one machine, for tests; this is all of it that they use.

``ensure_environment`` installs what it runs in, ``start_warehouse`` gives a running ``Warehouse``: its
``reset()`` forgets everything, ``statements()`` and ``requests()`` are its logs, ``stop()`` ends it. The
package knows nothing of whoever uses it.
"""

from __future__ import annotations

from warehouse.client import (
    Connection,
    StatementError,
    Warehouse,
    WarehouseStartError,
    start_warehouse,
)
from warehouse.environment import ensure_environment, java_reason

__all__ = [
    "Connection",
    "StatementError",
    "Warehouse",
    "WarehouseStartError",
    "ensure_environment",
    "java_reason",
    "start_warehouse",
]
