"""The workspace's API, as far as online tables need it: databricks-sdk in, own words out."""

from __future__ import annotations

import contextlib
import os
import re
import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlforge_sql.databricks_workspace.connection import sdk_config
from mlforge_sql.databricks_workspace.explanations import hide_secrets
from mlforge_sql.databricks_workspace.login import Login
from mlforge_sql.errors import Diagnostic, OnlineError
from mlforge_sql.online.databricks.steps import Published, Wanted
from mlforge_sql.redaction import without_values

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.errors import DatabricksError
    from databricks.sdk.service.database import SyncedDatabaseTable
    from databricks.sdk.service.postgres import Endpoint, SyncedTable

_PREFIX = re.compile(r"^SYNCED_TABLED?_")
_UNKNOWN_CALL = {404, 405, 410, 501}
"""Statuses of calls that a workspace does not have, or of what they ask for."""
_NONE_OF_THE_OLD = {400, *_UNKNOWN_CALL}
"""The same of the older API, which refuses to talk of what only its successor knows."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A password for Postgres.

    Attributes:
        password: The password.
        expires: When no new connection can be made with it any more, in UTC.
    """

    password: str = field(repr=False)
    expires: datetime


@dataclass
class WorkspaceApi:
    """Calls of one workspace, with one login.

    Attributes:
        login: Where, and who.
        profile: Name of the profile, for messages.
    """

    login: Login
    profile: str

    @cached_property
    def _client(self) -> WorkspaceClient:
        from databricks.sdk import WorkspaceClient

        with self._worded("logging in"):
            return WorkspaceClient(config=sdk_config(self.login))

    # Tables

    def find(self, name: str) -> Published | None:
        """The online table of a name; None if there is none.

        Raises:
            OnlineError: The API refuses, or does not answer.
        """
        with self._worded(f"looking up `{name}`"):
            found = self._optional(
                lambda: self._client.database.get_synced_database_table(name), _NONE_OF_THE_OLD
            )
            if found is not None:
                return _published(found)
            newer = self._optional(
                lambda: self._client.postgres.get_synced_table(f"synced_tables/{name}")
            )
            return None if newer is None else _newer(newer)

    def publish(self, wanted: Wanted, store: str) -> bool:
        """Publish a table; False when another has done so meanwhile.

        Raises:
            OnlineError: The API refuses, or does not answer.
        """
        from databricks.sdk.errors import DatabricksError
        from databricks.sdk.service.ml import PublishSpec, PublishSpecPublishMode

        spec = PublishSpec(store, wanted.name, PublishSpecPublishMode(wanted.mode))
        with self._worded(f"publishing `{wanted.source}` as `{wanted.name}`"):
            try:
                self._client.feature_store.publish_table(wanted.source, spec)
            except DatabricksError as error:
                if not _exists_already(error) or self.find(wanted.name) is None:
                    raise
                return False
        return True

    def start(self, pipeline: str, name: str, *, full_refresh: bool) -> str | None:
        """Start an update of a table; its id, or None when one is running already.

        Raises:
            OnlineError: The API refuses, or does not answer.
        """
        from databricks.sdk.errors import ResourceConflict

        with self._worded(f"starting an update of `{name}`"):
            try:
                started = self._client.pipelines.start_update(pipeline, full_refresh=full_refresh)
            except ResourceConflict:
                return None
        return str(started.update_id)

    def update_state(self, pipeline: str, update: str) -> str:
        """How an update is doing: QUEUED, RUNNING, ..., COMPLETED, FAILED or CANCELED.

        Raises:
            OnlineError: The API refuses, or does not answer.
        """
        with self._worded("looking at an update"):
            found = self._client.pipelines.get_update(pipeline, update).update
        return found.state.value if found and found.state else "UNKNOWN"

    def delete(self, name: str) -> None:
        """Delete an online table and its rows.

        Raises:
            OnlineError: The API refuses, or does not answer.
        """
        with self._worded(f"deleting `{name}`"):
            self._client.feature_store.delete_online_table(name)

    # Postgres

    def host(self, store: str) -> str:
        """Where the Postgres of an online store listens.

        Raises:
            OnlineError: There is no such store, or the API refuses or does not answer.
        """
        with self._worded(f"looking up the online store `{store}`"):
            instance = self._optional(
                lambda: self._client.database.get_database_instance(store), _NONE_OF_THE_OLD
            )
            found = instance.read_write_dns if instance is not None else self._endpoint_host(store)
        if not found:
            message = f"the online store `{store}` of profile `{self.profile}` is not there yet"
            hint = "create it, or wait until it is AVAILABLE; docs/online.md has the statements"
            raise OnlineError([Diagnostic("MF080", message, hint=hint)])
        return found

    def user(self) -> str:
        """Who has logged in, which is a role of Postgres.

        Raises:
            OnlineError: The API refuses, or does not answer.
        """
        with self._worded("asking who has logged in"):
            return str(self._client.current_user.me().user_name)

    def credential(self, store: str) -> Credential:
        """A new password for Postgres.

        Raises:
            OnlineError: The API refuses, or does not answer.
        """
        with self._worded(f"asking for a credential of the online store `{store}`"):
            found = self._optional(
                lambda: self._client.database.generate_database_credential(
                    request_id=str(uuid.uuid4()), instance_names=[store]
                ),
                _NONE_OF_THE_OLD,
            )
            if found is not None:
                expires = datetime.fromisoformat(str(found.expiration_time))
                return Credential(str(found.token), expires.astimezone(UTC).replace(tzinfo=None))
            endpoint = self._endpoint(store)
            if endpoint is None or endpoint.name is None:
                message = f"there is no online store `{store}`"
                raise OnlineError([Diagnostic("MF080", message, hint="see docs/online.md")])
            newer = self._client.postgres.generate_database_credential(endpoint.name)
            until = newer.expire_time.ToDatetime() if newer.expire_time else datetime.max
            return Credential(str(newer.token), until)

    def _endpoint_host(self, store: str) -> str | None:
        endpoint = self._endpoint(store)
        hosts = endpoint.status.hosts if endpoint is not None and endpoint.status else None
        return hosts.host if hosts else None

    def _endpoint(self, store: str) -> Endpoint | None:
        """The end point of a newer store, which is a project with branches."""
        postgres = self._client.postgres
        project = self._optional(lambda: postgres.get_project(f"projects/{store}"))
        branch = project.status.default_branch if project is not None and project.status else None
        return next(iter(postgres.list_endpoints(branch)), None) if branch else None

    # Words

    def _optional(self, call: Any, nothing: Collection[int] = _UNKNOWN_CALL) -> Any:
        """What a call gives; None where there is nothing, or no such call."""
        from databricks.sdk import errors

        try:
            return call()
        except (errors.NotFound, errors.NotImplemented):
            return None
        except errors.DatabricksError as error:
            if _status(error) in nothing or (
                400 in nothing and isinstance(error, errors.BadRequest)
            ):
                return None
            raise

    @contextlib.contextmanager
    def _worded(self, what: str) -> Iterator[None]:
        """Errors of the SDK as diagnostics, in the API's own words and without secrets."""
        from databricks.sdk.errors import DatabricksError, PermissionDenied, Unauthenticated

        try:
            yield
        except DatabricksError as error:
            refused = isinstance(error, Unauthenticated) or str(error.error_code) == "401"
            if refused or "invalid access token" in str(error).lower():  # with status 403
                message = f"Databricks does not accept the login of profile `{self.profile}`"
                hint = f"`mlforge doctor --profile {self.profile}` says why"
                raise OnlineError([Diagnostic("MF078", message, hint=hint)]) from error
            said = ": ".join(str(part) for part in (error.error_code, str(error)) if part)
            message = f"{what}: Databricks answers {self._safe(said)}"
            hint = f"`mlforge doctor --profile {self.profile}` checks the store and the privileges"
            if isinstance(error, PermissionDenied):
                hint = "docs/online.md lists the privileges that this needs"
            raise OnlineError([Diagnostic("MF102", message, hint=hint)]) from None
        except (OSError, ValueError) as error:
            message = f"{what}: `{self.login.host}` cannot be reached: {self._safe(str(error))}"
            hint = f"`mlforge doctor --profile {self.profile}` says why"
            raise OnlineError([Diagnostic("MF081", message, hint=hint)]) from None

    def _safe(self, text: str) -> str:
        lines = [line.strip() for line in text.splitlines() if line.strip()] or ["nothing"]
        said = without_values("\n".join(lines), plain=True).splitlines()[0]
        return hide_secrets(said, os.environ)[:500].rstrip(".")


def _status(error: DatabricksError) -> int | None:
    answer = getattr(error, "response", None)
    return getattr(answer, "status_code", None)


def _exists_already(error: DatabricksError) -> bool:
    """Whether publishing was refused only because the online table is there already."""
    said = f"{error.error_code or ''} {error}".lower().replace("_", " ")
    return "already exists" in said


def _published(found: SyncedDatabaseTable) -> Published:
    status, spec = found.data_synchronization_status, found.spec
    last = status.last_sync if status else None
    info = last.delta_table_sync_info if last else None
    return Published(
        state=_state(status),
        message=(status.message if status else None) or "",
        pipeline=(status.pipeline_id if status else None) or "",
        source=(spec.source_table_full_name if spec else None) or "",
        mode=spec.scheduling_policy.value if spec and spec.scheduling_policy else "",
        database=found.effective_logical_database_name or found.logical_database_name or "",
        version=_version(status) if info is None else info.delta_commit_version,
        synced_at=_instant(last.sync_end_timestamp if last else None),
    )


def _version(status: Any) -> int | None:
    """The version that a status has in its details; older workspaces say it only there."""
    for part in ("triggered_update_status", "continuous_update_status", "failed_status"):
        details = getattr(status, part, None)
        version = getattr(details, "last_processed_commit_version", None)
        if version is not None:
            return int(version)
    return None


def _newer(found: SyncedTable) -> Published:
    status, spec = found.status, found.spec
    moment = status.last_sync_time if status else None
    return Published(
        state=_state(status),
        message=(status.message if status else None) or "",
        pipeline=(status.pipeline_id if status else None) or "",
        source=(spec.source_table_full_name if spec else None) or "",
        mode=spec.scheduling_policy.value if spec and spec.scheduling_policy else "",
        database=(spec.postgres_database if spec else None) or "",
        version=status.last_processed_commit_version if status else None,
        synced_at=moment.ToDatetime() if moment else None,
    )


def _state(status: Any) -> str:
    found = getattr(status, "detailed_state", None)
    return _PREFIX.sub("", found.value) if found is not None else "UNKNOWN"


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None) if text else None
