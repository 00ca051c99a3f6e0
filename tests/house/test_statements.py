"""SQL outside of the compiler is put together in one place, which quotes what stands in it."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "mlforge_sql"


def test_nobody_suppresses_the_check_of_sql_in_strings() -> None:
    files = [(file, file.read_text(encoding="utf-8")) for file in PACKAGE.rglob("*.py")]
    assert len(files) > 250
    assert [str(file.relative_to(PACKAGE)) for file, text in files if "S608" in text] == []
