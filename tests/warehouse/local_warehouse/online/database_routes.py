"""`/api/2.0/database`: the same stores as database instances, and synced tables."""

from __future__ import annotations

from warehouse.local_warehouse.online.parts import OnlineParts
from warehouse.local_warehouse.online.publishing import Order, three_parts
from warehouse.local_warehouse.routing import (
    Call,
    Document,
    Route,
    invalid,
    missing,
    page,
    route,
)

_INSTANCES = "/api/2.0/database/instances"
_TABLES = "/api/2.0/database/synced_tables"


def database_routes(parts: OnlineParts) -> list[Route]:
    """The calls of `w.database` that a store and its tables need."""
    return [*_instance_routes(parts), *_credential_routes(parts), *_table_routes(parts)]


def _instance_routes(parts: OnlineParts) -> list[Route]:
    def create(call: Call) -> Document:
        return parts.stores.create({"capacity": "CU_1", **call.body}).instance(parts.host)

    def list_all(call: Call) -> Document:
        shown = [item.instance(parts.host) for item in parts.stores.all()]
        return page("database_instances", shown, call)

    def get(call: Call) -> Document:
        return parts.stores.get(call["name"]).instance(parts.host)

    def find(call: Call) -> Document:
        uid = call.query.get("uid")
        found = next((item for item in parts.stores.all() if item.uid == uid), None)
        if found is None:
            raise missing(f"Database instance with uid '{uid}' does not exist.")
        return found.instance(parts.host)

    def update(call: Call) -> Document:
        mask = call.query.get("update_mask")
        return parts.stores.update(call["name"], call.body, mask).instance(parts.host)

    def delete(call: Call) -> Document:
        parts.delete_store(call["name"])
        return {}

    return [
        route(f"POST {_INSTANCES}", create),
        route(f"GET {_INSTANCES}", list_all),
        route(f"GET {_INSTANCES}:findByUid", find),
        route(f"GET {_INSTANCES}/{{name}}", get),
        route(f"PATCH {_INSTANCES}/{{name}}", update),
        route(f"DELETE {_INSTANCES}/{{name}}", delete),
    ]


def _credential_routes(parts: OnlineParts) -> list[Route]:
    def generate(call: Call) -> Document:
        names = call.body.get("instance_names")
        if not isinstance(names, list) or not names:
            raise invalid("Missing required field: instance_names")
        for name in names:
            parts.stores.get(str(name))
        token, until = parts.credentials.generate()
        return {"token": token, "expiration_time": until}

    return [route("POST /api/2.0/database/credentials", generate)]


def _table_routes(parts: OnlineParts) -> list[Route]:
    def create(call: Call) -> Document:
        store = call.text("database_instance_name")
        order = Order.of_synced_table(call.text("name"), store, call.body.get("spec"))
        return parts.publisher.publish(order).document

    def list_all(call: Call) -> Document:
        store = parts.stores.get(call["store"])
        return page("synced_tables", [item.document for item in parts.tables_of(store)], call)

    def get(call: Call) -> Document:
        return parts.tables.get(three_parts(call["name"])).document

    def delete(call: Call) -> Document:
        table = parts.tables.get(three_parts(call["name"]))
        parts.worker.remove(table, with_rows=call.query.get("purge_data", "").lower() == "true")
        return {}

    return [
        route(f"POST {_TABLES}", create),
        route(f"GET {_TABLES}/{{name}}", get),
        route(f"DELETE {_TABLES}/{{name}}", delete),
        route(f"GET {_INSTANCES}/{{store}}/synced_tables", list_all),
    ]
