"""What the driver and the server say, in words that name the next step."""

from __future__ import annotations

import psycopg
from psycopg import errors

from mlforge_sql.errors import Diagnostic, OnlineError
from mlforge_sql.online.postgres.address import Address
from mlforge_sql.redaction import without_values

_ABOUT_ROWS = ("21", "22", "23", "P0", "XX")
"""Beginnings of the SQLSTATEs of errors that may show a value of a row."""


def problem(
    error: Exception, address: Address, profile: str, schema: str, feature: str | None = None
) -> OnlineError:
    """An error of the driver as a diagnostic; raise it ``from None``.

    Args:
        error: What the driver raised.
        address: Where the server is.
        profile: Name of the profile.
        schema: Schema of the online tables.
        feature: The feature whose table is read or written.
    """
    said = address.scrubbed(words(error))
    of = f" of feature `{feature}`" if feature else ""
    match error:
        case errors.InsufficientPrivilege():
            message = f"the role may not do that in schema `{schema}`: {said}"
            hint = (
                f'for reading: grant usage on schema "{schema}", and select on all its tables; '
                "docs/online.md has the statements for both roles"
            )
            return _one("MF083", message, hint)
        case errors.UndefinedTable() | errors.InvalidSchemaName() | errors.UndefinedColumn():
            message = f"the online table{of} is not there, or not of this definition: {said}"
            return _one("MF082", message, f"run `mlforge online sync --profile {profile}`")
        case errors.ReadOnlySqlTransaction():
            message = f"the server at {address.place} takes no changes: {said}"
            return _one("MF083", message, "connect to the primary, not to a standby")
        case psycopg.OperationalError() | psycopg.InterfaceError():
            message = f"the online store of profile `{profile}` cannot be reached: {said}"
            hint = f"the address is {address.place}; check that the server runs, and the DSN"
            return _one("MF081", message, hint)
        case _:
            message = f"the online table{of} cannot be read or written: {said}"
            return _one("MF086", message, "see the log of the server")


def _one(code: str, message: str, hint: str) -> OnlineError:
    return OnlineError([Diagnostic(code, message, hint=hint)])


def words(error: Exception) -> str:
    """The first line of a message, without values of rows."""
    said = str(error)
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        said = error.diag.message_primary
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    if _is_about_rows(error):
        return without_values(said)
    return lines[0].rstrip(".")


def _is_about_rows(error: Exception) -> bool:
    """Whether a message may show a value of a row: of an input, of a constraint, or of the driver's own."""
    if not isinstance(error, psycopg.Error):
        return True
    if error.sqlstate is None:
        return not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return error.sqlstate.startswith(_ABOUT_ROWS)
