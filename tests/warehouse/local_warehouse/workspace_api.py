"""The one way of a REST call, from the network and from `http_request`: login, faults, log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from warehouse.local_warehouse.faults import Faults
from warehouse.local_warehouse.request_log import Caller, RequestLog
from warehouse.local_warehouse.rest import RestService
from warehouse.local_warehouse.routing import Request, Response


@dataclass(frozen=True)
class WorkspaceApi:
    """The REST API of the workspace behind its token."""

    token: str
    rest: RestService
    log: RequestLog
    faults: Faults

    def refusal(self, headers: Mapping[str, str]) -> Response | None:
        """The answer to a missing or wrong token; nothing when the token is right."""
        given = next((value for key, value in headers.items() if key.lower() == _AUTH), None)
        if given == f"Bearer {self.token}":
            return None
        status, reason = (403, "Invalid access token.") if given else (401, "Credential missing.")
        phrases = {"X-Thriftserver-Error-Message": reason, "X-Databricks-Reason-Phrase": reason}
        return Response(status, {"error_code": status, "message": reason}, phrases)

    def answer(self, request: Request, caller: Caller) -> Response:
        """One call and its line in the log."""
        response = self._answer(request)
        self.log.add(request, response, caller)
        return response

    def _answer(self, request: Request) -> Response:
        if not self.rest.is_open(request.path):
            refused = self.refusal(request.headers)
            if refused is not None:
                return refused
        return self.faults.take(request) or self.rest.answer(request)


_AUTH = "authorization"
