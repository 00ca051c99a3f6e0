"""A project of two features whose tables are published: one with later rows, one without."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import yaml
from online_setup import setup_statements
from warehouse_dbt import WarehouseProject
from warehouse_harness import literal

if TYPE_CHECKING:
    from warehouse import Warehouse

LATEST, VELOCITY = "payments_latest", "payments_velocity"
TABLES = (f"{LATEST}_current", f"{VELOCITY}_current", f"{VELOCITY}_upcoming")
STORE = "payments-store"
COLUMNS = {"customer_id": "string", "at": "timestamp", "amount": "double", "note": "string"}


def profile(name: str, **online: Any) -> dict[str, Any]:
    """A profile with schemas of its own; they begin with the name."""
    return {
        "offline_store": {
            "KIND": "unity_catalog",
            "catalog": "main",
            "schema": f"{name}_features",
        },
        "online_store": {
            "KIND": "databricks_online",
            "catalog": "main",
            "schema": f"{name}_online",
            "store": STORE,
            **online,
        },
    }


def spec(raw: str) -> dict[str, Any]:
    """The features over the table `main.<raw>.payments`."""
    shared = {"source": "payments", "entities": ["customer"]}
    return {
        "entities": [{"name": "customer", "join_key": "customer_id"}],
        "sources": [
            {
                "name": "payments",
                "table": f"main.{raw}.payments",
                "timestamp": "at",
                "columns": COLUMNS,
            }
        ],
        "features": [
            {"name": LATEST, **shared, "select": {"amount": "amount", "note": "note"}},
            {
                "name": VELOCITY,
                **shared,
                "metrics": [{"windows": ["1d"], "aggregations": {"amount": ["sum", "count"]}}],
                "validators": {"amount": [{"less_than": 1000}]},
            },
        ],
    }


class Payments(WarehouseProject):
    """The project on a warehouse."""

    raw = "payments_raw"

    @classmethod
    def make(cls, root: Path, warehouse: Warehouse, profiles: dict[str, Any]) -> Payments:
        """Write the project and create its source."""
        found = cls(root, warehouse)
        found.configure(profiles)
        (root / "features").mkdir(exist_ok=True)
        text = yaml.safe_dump(spec(cls.raw), sort_keys=False)
        (root / "features" / "spec.yml").write_text(text, encoding="utf-8")
        found.sql(f"create schema if not exists main.{cls.raw}")
        found.sql(
            f"create or replace table main.{cls.raw}.payments "
            "(customer_id string, at timestamp, amount double, note string)"
        )
        found.compile()
        return found

    def configure(self, profiles: dict[str, Any]) -> None:
        """Write `mlforge.yaml`."""
        config = {"name": "payments", "profiles": profiles}
        text = yaml.safe_dump(config, sort_keys=False)
        (self.root / "mlforge.yaml").write_text(text, encoding="utf-8")

    def pay(self, *rows: tuple[str, datetime, float, str | None]) -> None:
        """Add events; instants are in UTC."""
        kinds = ("string", "timestamp", "double", "string")
        values = ", ".join(
            f"({', '.join(literal(value, kind) for value, kind in zip(row, kinds, strict=True))})"
            for row in rows
        )
        self.sql(f"insert into main.{self.raw}.payments values {values}")

    def clear(self) -> None:
        """Forget all events."""
        self.sql(f"delete from main.{self.raw}.payments")

    def set_up(self, name: str, *parts: int) -> None:
        """Run statements of the setup that compile wrote, as its reader would."""
        self.warehouse.put_secret("mlforge", "api_token")
        file = self.root / "dbt" / "setup" / f"online_{name}.sql"
        statements = setup_statements(file, self.warehouse)
        for number in parts or range(len(statements)):
            self.sql(statements[number])

    def asked(self, since: int = 0) -> list[str]:
        """The calls of hooks after so many, with the names of tables in short."""
        calls = [call for call in self.warehouse.requests() if call["caller"] == "http_request"]
        return [
            f"{call['method']} {_short(call['path'])} {call['status']}" for call in calls[since:]
        ]

    def bodies(self, path: str) -> list[Any]:
        """What calls of a path were sent."""
        return [call["body"] for call in self.warehouse.requests(path)]

    def online(self, name: str, table: str, order: str = "1, 2") -> list[tuple[Any, ...]]:
        """The rows of an online table, as Postgres has them."""
        with psycopg.connect(self.warehouse.online_dsn("main")) as connection:
            connection.execute("set timezone = 'UTC'")
            query = f'select * from {name}_online."{table}" order by {order}'
            return connection.execute(query).fetchall()

    def offline(self, name: str, table: str) -> list[tuple[Any, ...]]:
        """The rows of the Delta table that an online table comes from."""
        return self.sql(f"select * from main.{name}_features.{table} order by 1, 2")

    def stores(self) -> list[dict[str, Any]]:
        """The online stores of the workspace."""
        answer = self.warehouse.api("GET /api/2.0/feature-store/online-stores")
        found: list[dict[str, Any]] = answer.document["online_stores"]
        return found

    def settled(self, name: str, tables: Sequence[str] = TABLES) -> None:
        """Wait until what is under way has arrived."""
        for table in tables:
            version = self.version(f"main.{name}_features.{table}")
            self.warehouse.wait_online(f"main.{name}_online.{table}", version=version)

    def version(self, table: str) -> int:
        """The newest version of a table that changed a row."""
        return self.warehouse.data_version(table)


def _short(path: str) -> str:
    for long, short in (
        ("/api/2.0/database/synced_tables/", "old:"),
        ("/api/2.0/postgres/synced_tables/", "new:"),
        ("/api/2.0/feature-store/tables/", "table:"),
        ("/api/2.0/feature-store/online-stores", "store"),
    ):
        path = path.replace(long, short)
    if path.startswith("/api/2.0/pipelines/"):
        return "pipelines/updates"
    return path


def minutes_ago(number: float) -> datetime:
    """An instant in the past, in UTC and without a time zone."""
    return (datetime.now(UTC) - timedelta(minutes=number)).replace(tzinfo=None, microsecond=0)
