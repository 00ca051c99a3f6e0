"""`/api/2.0/feature-store`: online stores, publish, and the delete that leaves nothing behind."""

from __future__ import annotations

from warehouse.local_warehouse.online.parts import OnlineParts
from warehouse.local_warehouse.online.publishing import Order, three_parts
from warehouse.local_warehouse.routing import Call, Document, Route, page, route

_STORES = "/api/2.0/feature-store/online-stores"


def feature_store_routes(parts: OnlineParts) -> list[Route]:
    """The calls of `w.feature_store`."""

    def create(call: Call) -> Document:
        return parts.stores.create(call.body).document

    def list_all(call: Call) -> Document:
        return page("online_stores", [item.document for item in parts.stores.all()], call)

    def get(call: Call) -> Document:
        return parts.stores.get(call["name"]).document

    def update(call: Call) -> Document:
        mask = call.query.get("update_mask")
        return parts.stores.update(call["name"], call.body, mask).document

    def delete(call: Call) -> Document:
        parts.delete_store(call["name"])
        return {}

    def publish(call: Call) -> Document:
        table = parts.publisher.publish(Order.of_publish(call["source"], call.body))
        return {"online_table_name": table.name.dotted, "pipeline_id": table.pipeline.identity}

    def delete_table(call: Call) -> Document:
        table = parts.tables.get(three_parts(call["name"]))
        parts.worker.remove(table, with_rows=True)
        return {}

    return [
        route(f"POST {_STORES}", create),
        route(f"GET {_STORES}", list_all),
        route(f"GET {_STORES}/{{name}}", get),
        route(f"PATCH {_STORES}/{{name}}", update),
        route(f"DELETE {_STORES}/{{name}}", delete),
        route("POST /api/2.0/feature-store/tables/{source}/publish", publish),
        route("DELETE /api/2.0/feature-store/online-tables/{name}", delete_table),
    ]
