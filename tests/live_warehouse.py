"""A real SQL warehouse in the place of the local one, for those who have one.

With ``MLFORGE_DATABRICKS_LIVE=1`` the fixture ``shared_warehouse`` gives this. The environment says
where it is, as for a profile: ``DATABRICKS_HOST``, ``DATABRICKS_TOKEN``, ``DATABRICKS_HTTP_PATH``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SWITCH = "MLFORGE_DATABRICKS_LIVE"


class LiveConnection:
    """A session in this process."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def arrow(self, text: str, parameters: Any = None) -> Any:
        """Run a statement; its rows as a pyarrow table."""
        with self._session.cursor() as cursor:
            cursor.execute(text, parameters)
            return cursor.fetchall_arrow()

    def sql(self, text: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Run a statement; its rows as tuples."""
        rows = self.arrow(text, parameters)
        return list(zip(*(column.to_pylist() for column in rows.columns), strict=True))

    def close(self) -> None:
        """End the session."""
        self._session.close()


@dataclass
class LiveWarehouse:
    """The warehouse that the environment names."""

    host: str
    token: str = field(repr=False)
    http_path: str
    options: Mapping[str, Any] = field(default_factory=dict)
    _connections: list[LiveConnection] = field(default_factory=list)

    @classmethod
    def of_environment(cls) -> LiveWarehouse:
        """The warehouse of the environment's variables.

        Raises:
            KeyError: One is missing; the message names it.
        """
        host = os.environ["DATABRICKS_HOST"].removeprefix("https://").strip("/")
        return cls(host, os.environ["DATABRICKS_TOKEN"], os.environ["DATABRICKS_HTTP_PATH"])

    @property
    def url(self) -> str:
        return f"https://{self.host}"

    def environment(self) -> dict[str, str]:
        """Nothing: its certificate is one that everybody trusts."""
        return {}

    def login(self) -> dict[str, str]:
        """Variables by which a compiled profile finds it and logs in."""
        return {
            "DATABRICKS_HOST": self.host,
            "DATABRICKS_HTTP_PATH": self.http_path,
            "DATABRICKS_TOKEN": self.token,
        }

    def connect(self, catalog: str = "main", schema: str = "default") -> LiveConnection:
        """Another session, in UTC."""
        from databricks import sql

        session = sql.connect(
            server_hostname=self.host,
            http_path=self.http_path,
            access_token=self.token,
            catalog=catalog,
            schema=schema,
            session_configuration={"timezone": "UTC"},
            **self.options,
        )
        self._connections.append(LiveConnection(session))
        return self._connections[-1]

    def sql(self, text: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Run a statement in the first session; its rows as tuples."""
        if not self._connections:
            self.connect()
        return self._connections[0].sql(text, parameters)

    def stop(self) -> None:
        """End all sessions."""
        for connection in self._connections:
            connection.close()
        self._connections.clear()
