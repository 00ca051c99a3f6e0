"""Write the pages that are made from the code anew: python tests/regenerate_docs.py."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from generated_docs import PAGES

DOCS = Path(__file__).resolve().parents[1] / "docs"

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
