"""The setup of an online store that compile wrote, run as its reader would run it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warehouse import Warehouse

BUILDER, PUBLISHER = "dbt@example.com", "publisher@example.com"


def setup_statements(file: Path, warehouse: Warehouse) -> list[str]:
    """The statements of a setup, with what stands in brackets filled in."""
    lines = file.read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("--"))
    text = text.replace("<workspace>", f"{warehouse.host}:{warehouse.port}")
    text = text.replace("<builder>", BUILDER).replace("<publisher>", PUBLISHER)
    assert "<" not in text, "a reader would not know what to fill in"
    return [part.strip() for part in text.split(";") if part.strip()]


def set_up_online(file: Path, warehouse: Warehouse) -> None:
    """Create connection, schema and online store."""
    warehouse.put_secret("mlforge", "api_token")
    for statement in setup_statements(file, warehouse):
        warehouse.sql(statement)
