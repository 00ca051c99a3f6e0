"""Errors as the warehouse words them."""

from __future__ import annotations

import re

_JAVA_PREFIX = re.compile(r"^An error occurred while calling \S+\s*:\s*[\w.$]+: ")
_PARSE_ERRORS = ("PARSE_SYNTAX_ERROR", "UNSUPPORTED_FEATURE", "INVALID_STATEMENT_OR_CLAUSE")
_PARSE_HINT = (
    "\nThe local warehouse runs Spark 4.0 with rules for some Databricks statements; "
    "it has no rule for this one. Databricks itself may accept it."
)


class WarehouseError(Exception):
    """A refusal with an error class in the text and an SQLSTATE."""

    def __init__(self, condition: str, text: str, state: str) -> None:
        super().__init__(f"[{condition}] {text} SQLSTATE: {state}")
        self.state = state


def unknown_catalog(name: str) -> WarehouseError:
    """A catalog that was not declared at the start."""
    text = (
        f"Catalog '{name}' was not found. "
        "Please verify the catalog name and then retry the query or command again."
    )
    return WarehouseError("NO_SUCH_CATALOG_EXCEPTION", text, "42704")


def describe(error: Exception) -> tuple[str, str]:
    """Text and SQLSTATE of any error; Spark's carry both, without the Java stack."""
    text = str(error).split("JVM stacktrace")[0].split("\n\tat ")[0]
    text = _JAVA_PREFIX.sub("", text).strip() or repr(error)
    state = getattr(error, "state", None)
    if state is None:
        state = _spark_state(error)
    if any(f"[{condition}" in text for condition in _PARSE_ERRORS):
        text += _PARSE_HINT
    return text, state or "HY000"


def _spark_state(error: Exception) -> str | None:
    read = getattr(error, "getSqlState", None)
    if read is None:
        return None
    try:
        state: str | None = read()
    except Exception:  # noqa: BLE001 - an error without a Java side has no state
        return None
    return state
