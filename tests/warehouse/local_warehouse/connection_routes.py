"""`/api/2.1/unity-catalog/connections`: connections as the SDK reads them."""

from __future__ import annotations

from warehouse.local_warehouse.connections import Connections, HttpConnection
from warehouse.local_warehouse.errors import WarehouseError
from warehouse.local_warehouse.routing import ApiError, Call, Document, Route, page, route

_CONNECTIONS = "/api/2.1/unity-catalog/connections"


def connection_routes(connections: Connections) -> list[Route]:
    """The calls of `w.connections` that look."""

    def list_all(call: Call) -> Document:
        shown = [_document(item) for item in connections.all()]
        return page("connections", shown, call, size="max_results")

    def get(call: Call) -> Document:
        try:
            return _document(connections.get(call["name"]))
        except WarehouseError as error:
            text = f"Connection '{call['name']}' does not exist."
            raise ApiError(404, "CONNECTION_DOES_NOT_EXIST", text) from error

    return [
        route(f"GET {_CONNECTIONS}", list_all),
        route(f"GET {_CONNECTIONS}/{{name}}", get),
    ]


def _document(item: HttpConnection) -> Document:
    return {
        "name": item.name,
        "full_name": item.name,
        "connection_type": "HTTP",
        "credential_type": item.credential_type,
        "options": item.shown_options,
        "url": item.url,
        "owner": item.owner,
        "created_by": item.owner,
        "created_at": int(item.created.timestamp() * 1000),
        "comment": item.comment,
    }
