"""What the connector and the warehouse say of a statement, as a problem with its next step."""

from __future__ import annotations

import os
import re
from typing import Any

from mlforge_sql.databricks_workspace.connection import error_text
from mlforge_sql.databricks_workspace.explanations import explain, hide_secrets
from mlforge_sql.errors import Diagnostic, RetrievalError
from mlforge_sql.redaction import without_values

_STATE = re.compile(r"\s*SQLSTATE: ([0-9A-Z]{5})\b.*", re.DOTALL)
_CLASS = re.compile(r"\A\[[A-Z0-9_.]+\]\s*")
_DATA = "22"
"""The class of SQLSTATEs of values that do not fit."""


def is_transport(error: Exception) -> bool:
    """Whether it was the way to the warehouse that failed, rather than a statement."""
    from databricks.sql import exc
    from urllib3.exceptions import HTTPError

    lost = (exc.RequestError, exc.MaxRetryDurationError, exc.NonRecoverableNetworkError, HTTPError)
    return isinstance(error, lost)


def problem(error: Exception) -> RetrievalError:
    """An error of the connector in plain words, without the statement, secrets and values."""
    context: dict[str, Any] = getattr(error, "context", None) or {}
    said = f"{error_text(error)}\n{context.get('original-exception') or ''}"
    known = explain(hide_secrets(said, os.environ))
    if known is not None and not _is_data(str(error)):
        return RetrievalError([Diagnostic(known.code, known.message, hint=known.hint)])
    text = hide_secrets(_sentence(without_values(str(error), plain=True)), os.environ)
    if _is_data(str(error)):
        return RetrievalError([Diagnostic("MF063", text)])
    return RetrievalError([Diagnostic("MF096", f"the SQL warehouse says: {text}")])


def _is_data(text: str) -> bool:
    found = _STATE.search(text)
    return found is not None and found[1].startswith(_DATA)


def _sentence(text: str) -> str:
    """What an error says before it shows the statement."""
    text = _STATE.sub("", text).split("\n\n")[0].split("\n== SQL")[0]
    return _CLASS.sub("", " ".join(text.split()))
