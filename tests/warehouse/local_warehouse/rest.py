"""The REST answers that dbt-databricks and the SDK ask for."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs

from warehouse.local_warehouse.routing import Request, Response, Router

WORKSPACE = "1234567890"
PRINCIPAL = "local@example.com"
"""Who every caller is: there is one token."""
_CONFIGURATION = "/.well-known/databricks-config"
_OIDC = "/oidc/.well-known/oauth-authorization-server"
_TOKEN = "/oidc/v1/token"
_FLAGS = "/api/2.0/connector-service/feature-flags"
_ME = "/api/2.0/preview/scim/v2/Me"
_WAREHOUSES = "/api/2.0/sql/warehouses/"
_OPEN = (_CONFIGURATION, _OIDC, _TOKEN)


class RestService:
    """Well-known configuration, OAuth for machines, feature flags, the warehouse's state.

    What is not its own it asks of the router, which has the online feature store.
    """

    def __init__(self, token: str, router: Router | None = None) -> None:
        self._token = token
        self._router = router or Router(())

    @staticmethod
    def is_open(path: str) -> bool:
        """May anyone ask this, without a token."""
        return path in _OPEN

    def answer(self, request: Request) -> Response:
        """One call; unknown ones are errors, never empty answers."""
        known = self._login(request) or self._workspace(request) or self._router.answer(request)
        if known is not None:
            return known
        text = f"The local warehouse has no answer for {request.method} {request.path}"
        return Response(404, {"error_code": "ENDPOINT_NOT_FOUND", "message": text})

    def _login(self, request: Request) -> Response | None:
        base = f"https://{request.headers.get('Host', 'localhost')}/oidc"
        if request.path == _CONFIGURATION:
            kind = {"workspace_id": WORKSPACE, "account_id": None, "host_type": "workspace"}
            return Response(200, {"oidc_endpoint": base, **kind})
        if request.path == _OIDC:
            ends = {"authorization_endpoint": f"{base}/v1/authorize"}
            return Response(200, {**ends, "token_endpoint": f"{base}/v1/token"})
        if request.path == _TOKEN:
            return self._machine_token(request)
        return None

    @staticmethod
    def _workspace(request: Request) -> Response | None:
        if request.path.startswith(_FLAGS):
            return Response(200, {"flags": [], "ttl_seconds": 900})
        if request.path.startswith("/telemetry"):
            return Response(200, {"errors": [], "numProtoSuccess": 1})
        if request.path == _ME:
            user = {"userName": PRINCIPAL, "id": "1", "active": True}
            return Response(200, user)
        if request.path.startswith(_WAREHOUSES):
            identity = request.path.removeprefix(_WAREHOUSES)
            return Response(200, {"id": identity, "name": "local", "state": "RUNNING"})
        return None

    def _machine_token(self, request: Request) -> Response:
        """OAuth M2M: any client id, and the warehouse's token as its secret."""
        secret = parse_qs(request.body.decode("utf-8")).get("client_secret", [""])[0]
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            secret = base64.b64decode(text).decode("utf-8").partition(":")[2]
        if secret != self._token:
            text = "Client authentication failed"
            return Response(401, {"error": "invalid_client", "error_description": text})
        grant = {"access_token": self._token, "token_type": "Bearer", "expires_in": 3600}
        return Response(200, grant)
