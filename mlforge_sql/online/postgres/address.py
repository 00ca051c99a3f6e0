"""Where the server is and how to connect to it: the DSN, encryption, time-outs. Never shown."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from psycopg import conninfo, errors

from mlforge_sql.errors import Diagnostic, OnlineError
from mlforge_sql.spec.config import PostgresOnlineStore

_STRICTNESS = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_HOST = re.compile(r"[\w.:%*\[\]-]*")
_PORTS = re.compile(r"[0-9, ]*")
KEEPALIVE = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
"""A host that is gone without a word is noticed within half a minute."""


class Connectable(Protocol):
    """Somewhere to connect to."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Connection parameters, with the password."""
        ...

    @property
    def place(self) -> str:
        """Host and database, to be shown."""
        ...

    def scrubbed(self, text: str) -> str:
        """A text without the password."""
        ...


@dataclass(frozen=True)
class Address:
    """How to connect.

    Attributes:
        parameters: Connection parameters, with the password.
        place: Host, port and database, to be shown.
    """

    parameters: Mapping[str, Any] = field(repr=False)
    place: str

    def scrubbed(self, text: str) -> str:
        """A text without the password."""
        secret = str(self.parameters.get("password") or "")
        return text.replace(secret, "***") if secret else text


def address_of(
    store: PostgresOnlineStore, profile: str, environment: Mapping[str, str] | None = None
) -> Address:
    """Read the DSN from the environment, and decide on encryption and time-outs.

    The connection is encrypted as the DSN's ``sslmode`` says, or as the profile's does when that is
    stricter. Where neither says anything, ``PGSSLMODE`` counts, and then ``require``; only for this
    machine, by loopback or socket, it stays with libpq's own default.

    Args:
        store: The store.
        profile: Name of the profile.
        environment: The environment variables; those of the process by default.

    Raises:
        OnlineError: The variable is missing, or its value cannot be read.
    """
    env = os.environ if environment is None else environment
    dsn = env.get(store.dsn_env, "")
    if not dsn.strip():
        message = f"the environment variable `{store.dsn_env}` of profile `{profile}` is not set"
        hint = (
            "set it to the address of the server, such as postgresql://user:password@host/database"
        )
        raise OnlineError([Diagnostic("MF080", message, hint=hint)])
    given = _parsed(dsn, store, profile)
    hosts = _hosts(given, env)
    parameters: dict[str, Any] = {
        "connect_timeout": store.connect_timeout,
        "application_name": "mlforge",
        "tcp_user_timeout": store.connect_timeout * 1000,
        **KEEPALIVE,
        **given,
        "client_encoding": "utf8",
    }
    mode = ssl_mode(given.get("sslmode"), store.sslmode, env.get("PGSSLMODE"), hosts)
    if mode is not None:
        parameters["sslmode"] = mode
    return Address(parameters, _place(given, hosts))


def _parsed(dsn: str, store: PostgresOnlineStore, profile: str) -> dict[str, Any]:
    """The parameters of a DSN.

    Its parts are never repeated: an ``@`` in a password that is not written as ``%40`` puts pieces
    of the password into the host or the database.
    """
    try:
        given: dict[str, Any] = dict(conninfo.conninfo_to_dict(dsn))
    except errors.Error:
        given = {"host": "@"}
    places = (str(given.get("host", "")), str(given.get("hostaddr", "")))
    odd = any(not _HOST.fullmatch(part) for place in places for part in _split(place))
    is_url = dsn.strip().startswith(("postgres://", "postgresql://"))
    odd |= not _PORTS.fullmatch(str(given.get("port", "")))
    odd |= is_url and "@" in str(given.get("dbname", ""))
    if odd:
        message = f"the address in `{store.dsn_env}` of profile `{profile}` cannot be read"
        hint = (
            "write postgresql://user:password@host:5432/database, with characters such as @ : / "
            "in the password percent-encoded (%40 %3A %2F)"
        )
        raise OnlineError([Diagnostic("MF080", message, hint=hint)]) from None
    return given


def _split(hosts: str) -> list[str]:
    return [part for part in hosts.split(",") if not part.startswith(("/", "@"))] if hosts else []


def _hosts(given: Mapping[str, Any], env: Mapping[str, str]) -> list[str] | None:
    """Every host that may be connected to; None when a service file decides."""
    service = given.get("service") or env.get("PGSERVICE")
    if service and not (given.get("hostaddr") or given.get("host")):
        return None  # libpq reads a service file before the environment
    named = [given.get("hostaddr") or env.get("PGHOSTADDR"), given.get("host") or env.get("PGHOST")]
    found = next((str(text) for text in named if text), None)
    return (found or "").split(",")


def ssl_mode(
    in_dsn: str | None, in_profile: str | None, in_environment: str | None, hosts: list[str] | None
) -> str | None:
    """How to encrypt; None for libpq's own default.

    Args:
        in_dsn: What the DSN says.
        in_profile: What the profile says.
        in_environment: What ``PGSSLMODE`` says.
        hosts: Every host that may be connected to; None when that is not known.

    Examples:
        >>> ssl_mode(None, None, None, ["db.example.org"])
        'require'
        >>> ssl_mode(None, None, None, ["127.0.0.1"]) is None
        True
        >>> ssl_mode("prefer", "verify-full", None, ["db.example.org"])
        'verify-full'
    """
    if in_dsn is not None and in_profile is not None and {in_dsn, in_profile} <= {*_STRICTNESS}:
        return max(in_dsn, in_profile, key=_STRICTNESS.index)
    said = in_dsn or in_profile or in_environment
    if said:
        return said
    is_here = hosts is not None and all(map(_is_this_machine, hosts))
    return None if is_here else "require"


def _is_this_machine(host: str) -> bool:
    """Whether a host is reached without a network: loopback, or a socket."""
    host = host.strip().strip("[]")
    if not host or host.startswith(("/", "@")) or host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _place(given: Mapping[str, Any], hosts: list[str] | None) -> str:
    host = ",".join(hosts or []) or "this machine"
    port, database = given.get("port"), given.get("dbname")
    return host + (f":{port}" if port else "") + (f"/{database}" if database else "")
