"""A switch that refuses privileges: nothing is refused until a test says so."""

from __future__ import annotations

import re

from warehouse.local_warehouse.errors import WarehouseError

_NEEDS = (
    (re.compile(r"create\s+(?:connection|server)\b", re.I), "CREATE CONNECTION"),
    (re.compile(r"create\s+(?:or\s+replace\s+)?function\b", re.I), "CREATE FUNCTION"),
    (re.compile(r"create\s+catalog\b", re.I), "CREATE CATALOG"),
    (re.compile(r"(?:grant|revoke)\b", re.I), "MANAGE GRANTS"),
    (re.compile(r"create\s+(?:schema|database)\b", re.I), "CREATE SCHEMA"),
    (re.compile(r"create\s+(?:or\s+replace\s+)?temp", re.I), "NONE"),
    (re.compile(r"create\s+(?:or\s+replace\s+)?(?:table|view|external)\b", re.I), "CREATE TABLE"),
    (re.compile(r"(?:insert|merge|delete|update|truncate)\b", re.I), "MODIFY"),
    (re.compile(r"(?:alter|drop|comment|optimize|vacuum|restore)\b", re.I), "MANAGE"),
    (re.compile(r"use\s+catalog\b", re.I), "USE CATALOG"),
    (re.compile(r"use\b", re.I), "USE SCHEMA"),
    (re.compile(r"(?:select|with|table|values)\b", re.I), "SELECT"),
)


def required(statement: str) -> str:
    """The privilege that a statement asks for; a rough reading by its first words."""
    return next((name for pattern, name in _NEEDS if pattern.match(statement)), "NONE")


class Privileges:
    """The refused privileges."""

    def __init__(self) -> None:
        self._denied: set[str] = set()

    def deny(self, privilege: str) -> None:
        self._denied.add(privilege.upper())

    def allow_all(self) -> None:
        self._denied.clear()

    def check(self, statement: str) -> None:
        """Refuse a statement that needs a denied privilege."""
        self.demand(required(statement))

    def demand(self, privilege: str, securable: str = "") -> None:
        """Refuse what needs a denied privilege, on a securable that the text names.

        Raises:
            WarehouseError: The privilege is denied.
        """
        if privilege in self._denied:
            where = f" on {securable}" if securable else ""
            text = f"Insufficient privileges:\nUser does not have {privilege}{where}."
            raise WarehouseError("INSUFFICIENT_PERMISSIONS", text, "42501")
