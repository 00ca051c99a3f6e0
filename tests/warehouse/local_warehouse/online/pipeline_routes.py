"""`/api/2.0/pipelines`: the updates of published tables."""

from __future__ import annotations

from warehouse.local_warehouse.online.parts import OnlineParts
from warehouse.local_warehouse.online.pipelines import Update
from warehouse.local_warehouse.online.synced_tables import FOLLOWING, INITIAL, UPDATING, SyncedTable
from warehouse.local_warehouse.routing import Call, Document, Route, conflict, page, route

_PIPELINES = "/api/2.0/pipelines"


def pipeline_routes(parts: OnlineParts) -> list[Route]:
    """The calls of `w.pipelines` that updates need."""

    def list_all(call: Call) -> Document:
        shown = [table.pipeline.document for table in parts.tables.all()]
        return page("statuses", shown, call, size="max_results")

    def get(call: Call) -> Document:
        return parts.tables.of_pipeline(call["id"]).pipeline.document

    def list_updates(call: Call) -> Document:
        pipeline = parts.tables.of_pipeline(call["id"]).pipeline
        shown = [update.document(pipeline.identity) for update in pipeline.updates]
        return page("updates", shown, call, size="max_results")

    def get_update(call: Call) -> Document:
        pipeline = parts.tables.of_pipeline(call["id"]).pipeline
        return {"update": pipeline.update(call["update"]).document(pipeline.identity)}

    def start(call: Call) -> Document:
        table = parts.tables.of_pipeline(call["id"])
        whole = bool(call.body.get("full_refresh") or call.body.get("full_refresh_selection"))
        return {"update_id": start_update(parts, table, full_refresh=whole).identity}

    return [
        route(f"GET {_PIPELINES}", list_all),
        route(f"GET {_PIPELINES}/{{id}}", get),
        route(f"POST {_PIPELINES}/{{id}}/updates", start),
        route(f"GET {_PIPELINES}/{{id}}/updates", list_updates),
        route(f"GET {_PIPELINES}/{{id}}/updates/{{update}}", get_update),
    ]


def start_update(parts: OnlineParts, table: SyncedTable, *, full_refresh: bool) -> Update:
    """Queue an update.

    A continuous table is always updating, unless its source has been replaced: then its pipeline
    is about to fail, and an update that reads it from scratch is what it needs.

    Raises:
        ApiError: An update is active already.
    """
    if table.state == FOLLOWING and not parts.publisher.is_replaced(table):
        text = f"Pipeline '{table.pipeline.identity}' is running continuously already."
        raise conflict(text)
    with parts.tables.changed:
        active = table.pipeline.active
        if active is not None:
            text = (
                f"An active update {active.identity} already exists for pipeline "
                f"'{table.pipeline.identity}'."
            )
            raise conflict(text)
        table.enter(INITIAL if table.position is None else UPDATING)
        update = table.pipeline.start(Update(full_refresh))
        parts.tables.changed.notify_all()
    return update
