"""Write the SQL that the README shows anew: python tests/regenerate_readme.py."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent / "house"))

from test_readme import MODEL, README, ROOT, project

from mlforge_sql.workflows.compile import compile_project

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        text = compile_project(project(Path(name))).files[MODEL]
    text = text.replace("features/spec.yml", "features/customers.yml")
    fresh = re.sub(
        r"(<!-- sql -->\n```sql\n).*?```",
        lambda found: f"{found[1]}{text}```",
        README,
        flags=re.DOTALL,
    )
    (ROOT / "README.md").write_text(fresh, encoding="utf-8")
