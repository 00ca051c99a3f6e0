"""Online: values of features at serving time, and the stores they are read from."""

from __future__ import annotations
