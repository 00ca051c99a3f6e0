"""Labels joined to features on a SQL warehouse: what goes up, and what comes back."""

from __future__ import annotations
