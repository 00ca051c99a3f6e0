"""Statements in a SQL warehouse without dbt, through the connector that dbt uses too."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mlforge_sql.databricks_workspace.adapter import INSTALL
from mlforge_sql.databricks_workspace.login import Auth, Login
from mlforge_sql.databricks_workspace.retries import RETRIES
from mlforge_sql.engine_settings import SESSION
from mlforge_sql.errors import Diagnostic, SpecErrors

if TYPE_CHECKING:
    from databricks.sdk.core import Config
    from databricks.sql.client import Connection

BROWSER_CLIENT = "dbt-databricks"
"""The application that people log in to; dbt's, so that one login serves both."""

_SDK_SECONDS = 20


def check_connector() -> None:
    """Return when the connector is installed.

    Raises:
        SpecErrors: It is not.
    """
    try:
        import databricks.sql  # noqa: F401 - whether it can be
    except ImportError as error:
        message = "databricks-sql-connector is not installed"
        raise SpecErrors([Diagnostic("MF095", message, hint=INSTALL)]) from error


@contextmanager
def connect(
    login: Login,
    *,
    catalog: str | None = None,
    schema: str | None = None,
    retries: Mapping[str, int | float] = RETRIES,
) -> Iterator[Connection]:
    """A session as of ``open_connection``, closed at the end."""
    with open_connection(login, catalog=catalog, schema=schema, retries=retries) as connection:
        yield connection


def open_connection(
    login: Login,
    *,
    catalog: str | None = None,
    schema: str | None = None,
    retries: Mapping[str, int | float] = RETRIES,
) -> Connection:
    """A session with the settings that values depend on; whoever asks for it closes it.

    Args:
        login: Where, and who.
        catalog: Catalog of names without one.
        schema: Schema of names without one.
        retries: How long the connector tries again.

    Raises:
        Exception: One of ``connection_errors()``: ``explanations.explain`` reads its text.
    """
    from databricks import sql

    _keep_quiet()
    options: dict[str, Any] = {
        "server_hostname": login.host,
        "http_path": login.http_path,
        "session_configuration": dict(SESSION),
        "enable_telemetry": False,
        "user_agent_entry": "mlforge-sql",
        **retries,
    }
    if ":" in login.host:
        options["_connection_uri"] = login.uri
    if catalog is not None:
        options["catalog"] = catalog
    if schema is not None:
        options["schema"] = schema
    if login.auth is Auth.TOKEN:
        options["access_token"] = login.token
    else:
        config = sdk_config(login)
        options["credentials_provider"] = lambda: config.authenticate
    return sql.connect(**options)


def connection_errors() -> tuple[type[Exception], ...]:
    """What the connector and the SDK raise when they are refused or get no answer."""
    from databricks import sql
    from urllib3.exceptions import HTTPError

    return (sql.Error, HTTPError, OSError, ValueError)


def error_text(error: Exception) -> str:
    """The text of one of ``connection_errors()``, with the status that the connector hides in it."""
    context = getattr(error, "context", None) or {}
    status = context.get("http-code")
    return f"{error}\nhttp-code={status}" if status is not None else str(error)


def _keep_quiet() -> None:
    """Keep what the connector and the SDK log away from stderr: errors say it again."""
    logger = logging.getLogger("databricks")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def sdk_config(login: Login) -> Config:
    """The login for the Databricks SDK, which gives up after some seconds.

    Raises:
        ValueError: The SDK cannot log in.
    """
    from databricks.sdk.core import Config

    _keep_quiet()
    options: dict[str, Any] = {
        "host": f"https://{login.host}",
        "retry_timeout_seconds": _SDK_SECONDS,
        "http_timeout_seconds": _SDK_SECONDS,
    }
    match login.auth:
        case Auth.TOKEN:
            return Config(**options, token=login.token, auth_type="pat")
        case Auth.OAUTH:
            client = {"client_id": login.client_id, "client_secret": login.client_secret}
            return Config(**options, **client, auth_type="oauth-m2m")
        case Auth.BROWSER:
            return Config(**options, client_id=BROWSER_CLIENT, auth_type="external-browser")
