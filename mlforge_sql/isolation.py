"""What a DuckDB that we open may not do: fetch, load, reach out, or be told otherwise later."""

from __future__ import annotations

from collections.abc import Iterator

AUTOLOAD = "autoload_known_extensions"
"""The setting with which a profile lets DuckDB load extensions that are installed already."""

GUARDS = {
    "autoinstall_known_extensions": "false",
    AUTOLOAD: "false",
    "allow_community_extensions": "false",
}
"""Settings under which DuckDB has its built-in functions and installs nothing into the home folder."""


def guarded() -> Iterator[str]:
    """Statements for a new connection, before its own settings."""
    for name, value in GUARDS.items():
        yield f"set {name} = {value}"


def sealed(*, reads_files: bool) -> Iterator[str]:
    """Statements for a connection that has all of its settings.

    Args:
        reads_files: Whether it is to read files, or write them.
    """
    if not reads_files:
        yield "set enable_external_access = false"
    yield "set lock_configuration = true"
