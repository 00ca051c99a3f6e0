"""`python -m warehouse.local_warehouse`: start the warehouse and serve until SIGTERM."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warehouse.local_warehouse.catalog import Catalogs
from warehouse.local_warehouse.connection_routes import connection_routes
from warehouse.local_warehouse.control import Action, Control
from warehouse.local_warehouse.faults import Fault, Faults
from warehouse.local_warehouse.http_function import ThisServer
from warehouse.local_warehouse.https_server import ADDRESS, HttpsServer
from warehouse.local_warehouse.online.feature_store import OnlineFeatureStore
from warehouse.local_warehouse.online.postgres_target import PostgresTarget
from warehouse.local_warehouse.request_log import RequestLog
from warehouse.local_warehouse.rest import RestService
from warehouse.local_warehouse.routing import Router
from warehouse.local_warehouse.sessions import Workspace
from warehouse.local_warehouse.spark_engine import SparkRuntime
from warehouse.local_warehouse.statement_log import StatementLog
from warehouse.local_warehouse.switches import Switches
from warehouse.local_warehouse.thrift_server import WarehouseService
from warehouse.local_warehouse.tls import ensure_certificate, server_context
from warehouse.local_warehouse.workspace_api import WorkspaceApi


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("local_warehouse", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--data", type=Path, required=True, help="tables, logs and scratch files")
    parser.add_argument("--certificates", type=Path, required=True)
    parser.add_argument("--token", default="local-token")
    parser.add_argument("--catalogs", default="main,dev", help="names, the first is the default")
    parser.add_argument("--delta-jar", type=Path, default=Path(sys.prefix) / "delta.jar")
    parser.add_argument(
        "--postgres-dsn",
        default=os.environ.get("LOCAL_WAREHOUSE_POSTGRES"),
        help="the Postgres behind online stores; without it there are none",
    )
    parser.add_argument(
        "--postgres-database", help="one database for all catalogs; without it each has its own"
    )
    parser.add_argument("--ready-file", type=Path, help="written as JSON when it is ready")
    parser.add_argument(
        "--stop-with-input", action="store_true", help="stop when the standard input ends"
    )
    return parser.parse_args()


def _announce(file: Path | None, server: HttpsServer, certificate: Path, seconds: float) -> None:
    document = {
        "host": ADDRESS,
        "port": server.port,
        "pid": os.getpid(),
        "certificate": str(certificate),
        "seconds": round(seconds, 1),
    }
    print(json.dumps(document), flush=True)
    if file is not None:
        unfinished = file.with_suffix(".part")
        unfinished.write_text(json.dumps(document), "utf-8")
        unfinished.replace(file)


def _controls(workspace: Workspace, faults: Faults) -> dict[str, Action]:
    """The controls of connections and of the REST API."""

    def put_secret(body: dict[str, Any]) -> None:
        workspace.secrets.put(body["scope"], body["key"], body["value"])

    def lift_faults(body: dict[str, Any]) -> None:
        del body
        faults.lift()

    return {
        "secret": put_secret,
        "fault": lambda body: faults.add(Fault.of(body)),
        "lift": lift_faults,
    }


@dataclass(frozen=True)
class _Parts:
    """What a server needs."""

    runtime: SparkRuntime
    workspace: Workspace
    service: WarehouseService
    api: WorkspaceApi
    control: Control
    online: OnlineFeatureStore | None


def _assembled(given: argparse.Namespace, folder: Path) -> _Parts:
    catalogs = Catalogs(tuple(given.catalogs.split(",")))
    log, requests = StatementLog(folder / "statements.jsonl"), RequestLog(folder / "requests.jsonl")
    runtime = SparkRuntime(folder, given.delta_jar, catalogs)
    workspace, switches, faults = Workspace(catalogs), Switches(), Faults()
    service = WarehouseService(workspace, runtime.new_session, log, switches)
    online = None
    if given.postgres_dsn:
        target = PostgresTarget(given.postgres_dsn, given.postgres_database)
        online = OnlineFeatureStore(workspace, runtime.new_session, target)
    routes = [*connection_routes(workspace.connections), *(online.routes() if online else ())]
    api = WorkspaceApi(given.token, RestService(given.token, Router(routes)), requests, faults)

    def reset() -> None:
        service.forget()
        if online:
            online.reset()
        runtime.reset()
        workspace.clear()
        faults.lift()
        log.clear()
        requests.clear()

    others = {**_controls(workspace, faults), **(online.actions() if online else {})}
    control = Control(workspace.privileges, switches, reset, others)
    return _Parts(runtime, workspace, service, api, control, online)


def main() -> None:
    """Start, serve, stop."""
    started, given = time.monotonic(), _arguments()
    folder = given.data.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for old in ("tables", "scratch"):  # the catalog lives in memory: old tables are unreachable
        shutil.rmtree(folder / old, ignore_errors=True)
    certificate = ensure_certificate(given.certificates.resolve())
    parts = _assembled(given, folder)
    context = server_context(certificate.parent)
    server = HttpsServer(given.port, context, parts.api, parts.service, parts.control)
    parts.workspace.server = ThisServer(parts.api, server.port)

    def stop(*_: object) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()

    def stop_at_end_of_input() -> None:
        sys.stdin.buffer.read()
        stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if given.stop_with_input:
        threading.Thread(target=stop_at_end_of_input, daemon=True).start()
    if parts.online:
        parts.online.start()
    _announce(given.ready_file, server, certificate, time.monotonic() - started)
    server.serve_forever(poll_interval=0.1)
    if parts.online:
        parts.online.stop()
    parts.runtime.stop()
    sys.stdout.flush()
    os._exit(0)  # statements that still run must not keep the process


if __name__ == "__main__":
    main()
