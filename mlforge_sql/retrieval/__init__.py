"""Training data: labels of any kind in, the same kind out with features beside them."""

from __future__ import annotations
