"""Unity Catalog connections of type HTTP, and the secrets that their options name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from warehouse.local_warehouse.errors import WarehouseError

REQUIRED = ("host", "port")
BEARER = ("bearer_token",)
MACHINE = ("client_id", "client_secret", "token_endpoint")
OPTIONS = frozenset({*REQUIRED, *BEARER, *MACHINE, "base_path", "oauth_scope"})
HIDDEN = frozenset({"bearer_token", "client_secret"})
"""Options that no answer ever shows."""


@dataclass
class Secrets:
    """Values by scope and key, which a control call fills."""

    _values: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)

    def put(self, scope: str, key: str, value: str) -> None:
        self._values[scope, key] = value

    def get(self, scope: str, key: str) -> str:
        """The value of a secret.

        Raises:
            WarehouseError: There is no such secret.
        """
        if (scope, key) not in self._values:
            text = f"Secret does not exist with scope: {scope} and key: {key}"
            raise WarehouseError("INVALID_SECRET_LOOKUP.SECRET_DOES_NOT_EXIST", text, "22531")
        return self._values[scope, key]

    def clear(self) -> None:
        self._values.clear()


@dataclass(frozen=True)
class HttpConnection:
    """A connection: where it leads and with which identity."""

    name: str
    options: Mapping[str, str] = field(repr=False)
    owner: str
    comment: str | None = None
    created: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))

    @property
    def credential_type(self) -> str:
        return "BEARER_TOKEN" if "bearer_token" in self.options else "OAUTH_M2M"

    @property
    def url(self) -> str:
        """Scheme, host, port and base path; a port in the host wins over the option."""
        host = self.options["host"]
        scheme, address = host.split("://") if "://" in host else ("https", host)
        parts = urlsplit(f"{scheme}://{address.rstrip('/')}")
        port = parts.port or int(self.options["port"])
        return f"{parts.scheme}://{parts.hostname}:{port}{self.base_path}"

    @property
    def base_path(self) -> str:
        path = self.options.get("base_path", "/")
        return "/" + path.strip("/") + "/" if path.strip("/") else "/"

    @property
    def shown_options(self) -> dict[str, str]:
        """The options that may be shown."""
        return {key: value for key, value in self.options.items() if key not in HIDDEN}


@dataclass
class Connections:
    """The connections of the metastore."""

    _by_name: dict[str, HttpConnection] = field(default_factory=dict)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def all(self) -> list[HttpConnection]:
        return [self._by_name[name] for name in sorted(self._by_name)]

    def get(self, name: str) -> HttpConnection:
        """A connection by its name.

        Raises:
            WarehouseError: There is none with this name.
        """
        found = self._by_name.get(name.lower())
        if found is None:
            text = f"Cannot execute this command because the connection name {name} was not found."
            raise WarehouseError("CONNECTION_NOT_FOUND", text, "42704")
        return found

    def add(self, connection: HttpConnection) -> None:
        """Keep a new connection.

        Raises:
            WarehouseError: Its name is taken.
        """
        if connection.name in self._by_name:
            text = (
                f"Cannot create connection {connection.name} because it already exists. Choose a "
                "different name, drop or replace the existing connection, or add the IF NOT "
                "EXISTS clause to tolerate pre-existing connections."
            )
            raise WarehouseError("CONNECTION_ALREADY_EXISTS", text, "42710")
        self._by_name[connection.name] = connection

    def drop(self, name: str) -> None:
        """Forget a connection.

        Raises:
            WarehouseError: There is none with this name.
        """
        del self._by_name[self.get(name).name]

    def clear(self) -> None:
        self._by_name.clear()


def checked(name: str, options: Mapping[str, str]) -> None:
    """Look at the options of a new connection.

    Raises:
        WarehouseError: One is unknown, or one that is needed is missing.
    """
    unknown = sorted(set(options) - OPTIONS)
    if unknown:
        text = (
            f"Connections of type 'HTTP' do not support the following option(s): "
            f"{', '.join(unknown)}. Supported options: {', '.join(sorted(OPTIONS))}."
        )
        raise WarehouseError("CONNECTION_OPTION_NOT_SUPPORTED", text, "42000")
    credentials = BEARER if "bearer_token" in options else MACHINE
    absent = [key for key in (*REQUIRED, *credentials) if not options.get(key)]
    if absent:
        text = f"Connection '{name}' of type 'HTTP' needs the option(s): {', '.join(absent)}."
        raise WarehouseError("MISSING_CONNECTION_OPTION", text, "42000")
