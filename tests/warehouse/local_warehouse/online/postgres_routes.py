"""`/api/2.0/postgres`: the same stores as projects, and synced tables by long-running operations."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from warehouse.local_warehouse.online.parts import OnlineParts
from warehouse.local_warehouse.online.publishing import Order, three_parts
from warehouse.local_warehouse.online.stores import BRANCH, ENDPOINT, OnlineStore
from warehouse.local_warehouse.online.synced_tables import INITIAL, OFFLINE_FAILED, RESOURCES
from warehouse.local_warehouse.routing import Call, Document, Route, missing, page, route

_ROOT = "/api/2.0/postgres"
_PROJECT = f"{_ROOT}/projects/{{project}}"
_BRANCH = f"{_PROJECT}/branches/{{branch}}"
_TABLES = f"{_ROOT}/synced_tables"


def postgres_routes(parts: OnlineParts) -> list[Route]:
    """The calls of `w.postgres` that a store and its tables need."""
    return [*_project_routes(parts), *_Tables(parts).routes()]


def _project_routes(parts: OnlineParts) -> list[Route]:
    def store_of(call: Call) -> OnlineStore:
        store = parts.stores.get(call["project"])
        if call.values.get("branch", BRANCH) != BRANCH:
            raise missing(f"Branch '{call['branch']}' does not exist.")
        if call.values.get("endpoint", ENDPOINT) != ENDPOINT:
            raise missing(f"Endpoint '{call['endpoint']}' does not exist.")
        return store

    def projects(call: Call) -> Document:
        return page("projects", [item.project for item in parts.stores.all()], call)

    def databases(call: Call) -> Document:
        store = store_of(call)
        names = sorted({table.placement.database for table in parts.tables_of(store)})
        shown = [
            {
                "name": f"{store.branch_name}/databases/{name}",
                "parent": store.branch_name,
                "status": {"database_id": name, "postgres_database": name},
            }
            for name in names
        ]
        return page("databases", shown, call)

    def generate(call: Call) -> Document:
        given = call.text("endpoint")
        if given not in {item.endpoint_name for item in parts.stores.all()}:
            raise missing(f"Endpoint '{given}' does not exist.")
        token, until = parts.credentials.generate()
        return {"token": token, "expire_time": until}

    shown: list[tuple[str, Callable[[Call], Document]]] = [
        (_PROJECT, lambda call: store_of(call).project),
        (f"{_PROJECT}/branches", lambda call: page("branches", [store_of(call).branch], call)),
        (_BRANCH, lambda call: store_of(call).branch),
        (
            f"{_BRANCH}/endpoints",
            lambda call: page("endpoints", [store_of(call).endpoint(parts.host)], call),
        ),
        (f"{_BRANCH}/endpoints/{{endpoint}}", lambda call: store_of(call).endpoint(parts.host)),
        (f"{_BRANCH}/databases", databases),
        (f"{_ROOT}/projects", projects),
    ]
    return [
        *(route(f"GET {path}", handler) for path, handler in shown),
        route(f"POST {_ROOT}/credentials", generate),
    ]


class _Tables:
    """Synced tables and the operations that make and delete them."""

    def __init__(self, parts: OnlineParts) -> None:
        self._parts = parts
        self._operations: dict[str, Callable[[], Document]] = {}

    def routes(self) -> list[Route]:
        return [
            route(f"POST {_TABLES}", self._create),
            route(f"GET {_TABLES}/{{name}}", self._get),
            route(f"DELETE {_TABLES}/{{name}}", self._delete),
            route(f"GET {_TABLES}/{{name}}/operations/{{operation}}", self._operation),
        ]

    def _get(self, call: Call) -> Document:
        return self._parts.tables.get(three_parts(call["name"])).postgres_document

    def _create(self, call: Call) -> Document:
        spec = call.body.get("spec") or {}
        branch = str(spec.get("branch") or "").split("/")
        if len(branch) != 4 or branch[::2] != ["projects", "branches"]:
            raise missing(f"Branch '{'/'.join(branch)}' does not exist.")
        name = call.query.get("synced_table_id", "")
        table = self._parts.publisher.publish(Order.of_synced_table(name, branch[1], spec))

        def state() -> Document:
            if table.state in {RESOURCES, INITIAL}:
                return {"done": False}
            if table.state == OFFLINE_FAILED:
                error = {"error_code": "INTERNAL_ERROR", "message": table.message}
                return {"done": True, "error": error}
            return {"done": True, "response": table.postgres_document}

        return self._started(table.name.dotted, state)

    def _delete(self, call: Call) -> Document:
        table = self._parts.tables.get(three_parts(call["name"]))
        self._parts.worker.remove(table, with_rows=True)
        return self._started(table.name.dotted, lambda: {"done": True, "response": {}})

    def _started(self, table: str, state: Callable[[], Document]) -> Document:
        name = f"synced_tables/{table}/operations/{uuid.uuid4()}"
        self._operations[name] = state
        return {"name": name, "metadata": {}, **state()}

    def _operation(self, call: Call) -> Document:
        name = f"synced_tables/{call['name']}/operations/{call['operation']}"
        state = self._operations.get(name)
        if state is None:
            raise missing(f"Operation '{name}' does not exist.")
        return {"name": name, "metadata": {}, **state()}
