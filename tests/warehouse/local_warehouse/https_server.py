"""HTTPS on the loopback address: Thrift calls, REST calls and the control end points."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from warehouse.local_warehouse.control import HEALTH, PREFIX, Control
from warehouse.local_warehouse.routing import Request, Response
from warehouse.local_warehouse.switches import Switches
from warehouse.local_warehouse.thrift_server import WarehouseService
from warehouse.local_warehouse.workspace_api import WorkspaceApi

ADDRESS = "127.0.0.1"
_THRIFT = ("/sql/1.0/warehouses/", "/sql/protocolv1/")


class HttpsServer(ThreadingHTTPServer):
    """One thread per connection, on the loopback address only."""

    daemon_threads = True

    def __init__(
        self,
        port: int,
        context: ssl.SSLContext,
        api: WorkspaceApi,
        service: WarehouseService,
        control: Control,
    ) -> None:
        super().__init__((ADDRESS, port), _Handler)
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )
        self.api = api
        self.service = service
        self.control = control

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def switches(self) -> Switches:
        return self.control.switches

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is not worth a stack on the console."""
        del request, client_address


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: HttpsServer

    def log_message(self, *_: Any) -> None:
        """Statements have a log of their own."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        request = Request(self.command, path, dict(self.headers.items()), body, query)
        if path.startswith(_THRIFT):
            self._serve_thrift(request)
        elif path.startswith(PREFIX):
            refused = None if path == HEALTH else self.server.api.refusal(request.headers)
            self._send_document(refused or self.server.control.answer(request))
        else:
            self._send_document(self.server.api.answer(request, "rest"))

    def _serve_thrift(self, request: Request) -> None:
        refused = self.server.api.refusal(request.headers)
        if refused is not None:
            self._send_document(refused)
        elif self.server.switches.take_unavailable():
            document = {"message": "The warehouse is starting, please retry"}
            self._send_document(Response(503, document, {"Retry-After": "1"}))
        else:
            self._send(200, self.server.service.answer(request.body), "application/x-thrift")

    def _send_document(self, answer: Response) -> None:
        body = json.dumps(answer.document).encode()
        self._send(answer.status, body, "application/json", answer.headers)

    def _send(
        self, status: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
