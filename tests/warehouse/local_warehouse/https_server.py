"""HTTPS on the loopback address: Thrift calls, REST calls and the control end points."""

from __future__ import annotations

import json
import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from warehouse.local_warehouse.control import PREFIX, Control
from warehouse.local_warehouse.rest import Request, Response, RestService
from warehouse.local_warehouse.switches import Switches
from warehouse.local_warehouse.thrift_server import WarehouseService

ADDRESS = "127.0.0.1"
_THRIFT = ("/sql/1.0/warehouses/", "/sql/protocolv1/")


class HttpsServer(ThreadingHTTPServer):
    """One thread per connection, on the loopback address only."""

    daemon_threads = True

    def __init__(
        self,
        port: int,
        context: ssl.SSLContext,
        token: str,
        service: WarehouseService,
        control: Control,
    ) -> None:
        super().__init__((ADDRESS, port), _Handler)
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )
        self.token = token
        self.service = service
        self.control = control
        self.rest = RestService(token)

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

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.split("?")[0]
        is_thrift = path.startswith(_THRIFT)
        if not RestService.is_open(path) and path != "/local/health" and not self._admitted():
            return
        if is_thrift and self.server.switches.take_unavailable():
            document = {"message": "The warehouse is starting, please retry"}
            self._send_document(Response(503, document), {"Retry-After": "1"})
            return
        if is_thrift:
            self._send(200, self.server.service.answer(body), "application/x-thrift")
            return
        request = Request(self.command, path, dict(self.headers.items()), body)
        service = self.server.control if path.startswith(PREFIX) else self.server.rest
        self._send_document(service.answer(request))

    def _admitted(self) -> bool:
        given = self.headers.get("Authorization")
        if given == f"Bearer {self.server.token}":
            return True
        status, reason = (403, "Invalid access token.") if given else (401, "Credential missing.")
        headers = {"X-Thriftserver-Error-Message": reason, "X-Databricks-Reason-Phrase": reason}
        document = {"error_code": status, "message": reason}
        self._send_document(Response(status, document), headers)
        return False

    def _send_document(self, answer: Response, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(answer.document).encode()
        self._send(answer.status, body, "application/json", headers or {})

    def _send(
        self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
