"""What the connector and the warehouse say of a statement, as a problem with its next step."""

from __future__ import annotations

import os
import re
from typing import Any

from mlforge_sql.errors import Diagnostic, RetrievalError
from mlforge_sql.workspace.connection import error_text
from mlforge_sql.workspace.explanations import explain, hide_secrets

_STATE = re.compile(r"\s*SQLSTATE: ([0-9A-Z]{5})\b.*", re.DOTALL)
_DATA = "22"
"""The class of SQLSTATEs of values that do not fit."""


def is_transport(error: Exception) -> bool:
    """Whether it was the way to the warehouse that failed, rather than a statement."""
    from databricks.sql import exc
    from urllib3.exceptions import HTTPError

    lost = (exc.RequestError, exc.MaxRetryDurationError, exc.NonRecoverableNetworkError, HTTPError)
    return isinstance(error, lost)


def problem(error: Exception) -> RetrievalError:
    """An error of the connector in plain words, without the statement and without secrets."""
    context: dict[str, Any] = getattr(error, "context", None) or {}
    said = f"{error_text(error)}\n{context.get('original-exception') or ''}"
    known = explain(hide_secrets(said, os.environ))
    if known is not None and not _is_data(str(error)):
        return RetrievalError([Diagnostic(known.code, known.message, hint=known.hint)])
    text = hide_secrets(first_sentence(str(error)), os.environ)
    if _is_data(str(error)):
        return RetrievalError([Diagnostic("MF063", text)])
    return RetrievalError([Diagnostic("MF096", f"the SQL warehouse says: {text}")])


def _is_data(text: str) -> bool:
    found = _STATE.search(text)
    return found is not None and found[1].startswith(_DATA)


def first_sentence(text: str) -> str:
    """What an error says before it shows the statement.

    Examples:
        >>> first_sentence(
        ...     "[CAST_INVALID_INPUT] The value 'x' is no date. SQLSTATE: 22018 (line 1)"
        ... )
        "The value 'x' is no date."
    """
    text = _STATE.sub("", text).split("\n\n")[0].split("\n== SQL")[0]
    return re.sub(r"^\[[A-Z0-9_.]+\]\s*", "", " ".join(text.split()))
