"""What each diagnostic code means, with an example of how it goes wrong and how it is right."""

from __future__ import annotations
