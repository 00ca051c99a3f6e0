"""``python -m mlforge_sql.cli``."""

from __future__ import annotations

from mlforge_sql.cli import main

main(prog_name="mlforge")
