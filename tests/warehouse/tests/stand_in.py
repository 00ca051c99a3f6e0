"""A session whose Spark only remembers what it was given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from warehouse.local_warehouse.catalog import Catalogs, Field, Relation
from warehouse.local_warehouse.governance import TableName
from warehouse.local_warehouse.http_function import ThisServer
from warehouse.local_warehouse.request_log import Caller
from warehouse.local_warehouse.routing import Request, Response
from warehouse.local_warehouse.sessions import Session, Workspace

ORDERS = TableName("main", "shop", "orders")
CUSTOMERS = TableName("main", "shop", "customers")
TOTALS = TableName("main", "shop", "totals")


@dataclass
class RecordingEngine:
    """The `Engine` of the tests: fixed tables, answers by statement, a list of statements."""

    statements: list[str] = field(default_factory=list)
    answers: dict[str, pa.Table] = field(default_factory=dict)
    failures: dict[str, Exception] = field(default_factory=dict)
    shown: dict[str, pa.Table] = field(default_factory=dict)
    temporary: set[str] = field(default_factory=set)
    settings: dict[str, str] = field(default_factory=dict)
    nullable: bool = False
    listed: list[Relation] = field(
        default_factory=lambda: [
            Relation(ORDERS, "MANAGED", "delta", "All orders"),
            Relation(CUSTOMERS, "MANAGED", "delta"),
            Relation(TOTALS, "VIEW", view_text="select 1 as order_id"),
        ]
    )

    def sql(self, text: str) -> pa.Table:
        self.statements.append(text)
        for part, failure in self.failures.items():
            if part in text:
                raise failure
        return next((rows for part, rows in self.answers.items() if part in text), pa.table({}))

    def use(self, schema: str | None) -> bool:
        return schema is not None

    def set_time_zone(self, zone: str) -> None:
        self.settings["timezone"] = zone

    def set_ansi(self, text: str) -> None:
        self.settings["ansi_mode"] = text

    def set_time_parser(self, policy: str) -> None:
        self.settings["legacy_time_parser_policy"] = policy

    def fields(self, relation: str) -> list[Field]:
        del relation
        return [
            Field("order_id", "bigint", "long", self.nullable),
            Field("created_at", "timestamp", "timestamp", self.nullable, "When"),
            Field("amount", "decimal(10,2)", "decimal(10,2)"),
        ]

    def relations(self, schema: tuple[str, str] | None = None) -> list[Relation]:
        del schema
        return self.listed

    def schemas(self) -> list[tuple[str, str]]:
        return [("main", "default"), ("main", "shop"), ("dev", "default")]

    def is_temporary(self, name: str) -> bool:
        return name in self.temporary

    def show(self, view: str, rows: pa.Table) -> None:
        self.shown[view] = rows

    def hide(self, view: str) -> None:
        self.temporary.discard(view)

    def tree(self, relation: str) -> str:
        return f"root of {relation}"

    def cancel(self) -> None:
        self.statements.append("cancel")

    def close(self) -> None:
        self.statements.append("close")


@dataclass
class RecordingApi:
    """An API with prepared answers, the last of which it repeats."""

    answers: list[Response]
    asked: list[tuple[Request, Caller]] = field(default_factory=list)

    def answer(self, request: Request, caller: Caller) -> Response:
        self.asked.append((request, caller))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@dataclass
class StandIn:
    """A session in `main.shop` and its engine."""

    engine: RecordingEngine = field(default_factory=RecordingEngine)

    def __post_init__(self) -> None:
        workspace = Workspace(Catalogs(("main", "dev")))
        self.session = Session(workspace, self.engine, "main", "shop")

    def run(self, sql: str) -> str:
        """Execute; the route it took."""
        return self.session.execute(sql).route

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Execute; its rows."""
        rows: list[dict[str, Any]] = self.session.execute(sql).rows.to_pylist()
        return rows

    def api(self, answers: Sequence[Response] = (), port: int = 8443) -> RecordingApi:
        """Let connections lead to an API that remembers what it was asked."""
        recording = RecordingApi(list(answers))
        self.session.workspace.server = ThisServer(recording, port)
        return recording

    def sent(self, sql: str) -> str:
        """Execute; what Spark got last, in one line."""
        self.session.execute(sql)
        return " ".join(self.engine.statements[-1].split())
