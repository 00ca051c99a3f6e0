"""How to log in to a workspace: what a profile and the environment say together.

``dbt/profiles.py`` says the same as Jinja, because dbt reads the environment by itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mlforge_sql.errors import Diagnostic, SpecErrors
from mlforge_sql.spec.config import UnityCatalogStore

HOST = "DATABRICKS_HOST"
HTTP_PATH = "DATABRICKS_HTTP_PATH"
WAREHOUSE_ID = "DATABRICKS_WAREHOUSE_ID"
TOKEN = "DATABRICKS_TOKEN"  # noqa: S105 - a name
CLIENT_ID = "DATABRICKS_CLIENT_ID"
CLIENT_SECRET = "DATABRICKS_CLIENT_SECRET"  # noqa: S105 - a name

JOB_HOST = "DBT_HOST"
JOB_TOKEN = "DBT_ACCESS_TOKEN"  # noqa: S105 - a name
"""What a dbt task of Lakeflow Jobs has in their place: the workspace, and a token of who the job runs as.

https://docs.databricks.com/aws/en/jobs/how-to/use-dbt-in-workflows
"""

WAREHOUSE = "/sql/1.0/warehouses/"
"""Where the HTTP paths of SQL warehouses begin."""


class Auth(StrEnum):
    """Who logs in: the owner of a token, a service principal, or a person in a browser."""

    TOKEN = "token"  # noqa: S105 - a name
    OAUTH = "oauth"
    BROWSER = "browser"


@dataclass(frozen=True, slots=True)
class Login:
    """Everything a connection needs.

    Attributes:
        host: The workspace, without scheme; with a port if it is not 443.
        http_path: Path of the SQL warehouse.
        auth: Who logs in.
        token: The token, for ``Auth.TOKEN``.
        client_id: The service principal, for ``Auth.OAUTH``.
        client_secret: Its secret.
    """

    host: str
    http_path: str
    auth: Auth
    token: str = field(default="", repr=False)
    client_id: str = ""
    client_secret: str = field(default="", repr=False)

    @property
    def uri(self) -> str:
        """Where the SQL warehouse answers."""
        return f"https://{self.host}/{self.http_path.strip('/')}"


def find_auth(store: UnityCatalogStore, environment: Mapping[str, str]) -> Auth:
    """Who logs in; where the profile does not say, whoever the environment has credentials of."""
    if store.auth is not None:
        return Auth(store.auth)
    return Auth.OAUTH if environment.get(CLIENT_ID) else Auth.TOKEN


def find_login(store: UnityCatalogStore, environment: Mapping[str, str]) -> Login:
    """The login of a profile.

    Raises:
        SpecErrors: Environment variables are missing, all of them are named, or contradict.
    """
    missing = missing_variables(store, environment)
    if missing:
        raise SpecErrors([Diagnostic("MF076", missing_text(missing), hint=missing_hint(missing))])
    auth = find_auth(store, environment)
    rivals = rival_variables(auth, environment)
    if rivals:
        message = rival_text(rivals, token_variable(environment))
        raise SpecErrors([Diagnostic("MF078", message, hint=RIVAL_HINT)])
    if store.warehouse_id is not None:
        http_path = f"{WAREHOUSE}{store.warehouse_id}"
    else:
        http_path = environment.get(HTTP_PATH) or f"{WAREHOUSE}{environment[WAREHOUSE_ID]}"
    host, token = host_variable(environment), token_variable(environment)
    return Login(
        host=_host(host, environment[host]),
        http_path=http_path,
        auth=auth,
        token=environment[token] if auth is Auth.TOKEN else "",
        client_id=environment[CLIENT_ID] if auth is Auth.OAUTH else "",
        client_secret=environment[CLIENT_SECRET] if auth is Auth.OAUTH else "",
    )


def host_variable(environment: Mapping[str, str]) -> str:
    """The variable that says where the workspace is: ours, or else that of a job."""
    return JOB_HOST if environment.get(JOB_HOST) and not environment.get(HOST) else HOST


def token_variable(environment: Mapping[str, str]) -> str:
    """The variable with the token: ours, or else that of a job."""
    return JOB_TOKEN if environment.get(JOB_TOKEN) and not environment.get(TOKEN) else TOKEN


def _host(name: str, text: str) -> str:
    """The host, without scheme and closing slash, as the compiled profile reads it.

    Raises:
        SpecErrors: There is more behind the host: dbt would take it for a part of it.
    """
    host = text.replace("https://", "").rstrip("/")
    alone = re.split(r"[/?#]", host)[0]
    if alone != host:
        message = f"{name} says more than a host"
        hint = f"leave out what follows it: set it to `{alone}`"
        raise SpecErrors([Diagnostic("MF078", message, hint=hint)])
    return host


def missing_variables(store: UnityCatalogStore, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The environment variables that a profile needs and that are not set, or empty."""
    needed = [host_variable(environment)]
    if store.warehouse_id is None and not environment.get(WAREHOUSE_ID):
        needed.append(HTTP_PATH)
    match find_auth(store, environment):
        case Auth.TOKEN:
            needed.append(token_variable(environment))
        case Auth.OAUTH:
            needed += [CLIENT_ID, CLIENT_SECRET]
        case Auth.BROWSER:
            pass
    return tuple(name for name in needed if not environment.get(name))


_OTHER_LOGINS = (
    CLIENT_ID,
    CLIENT_SECRET,
    "DATABRICKS_USERNAME",
    "DATABRICKS_PASSWORD",
    "DATABRICKS_GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_CREDENTIALS",
    "DATABRICKS_AZURE_RESOURCE_ID",
    "ARM_USE_MSI",
    "ARM_CLIENT_ID",
    "ARM_CLIENT_SECRET",
    "DATABRICKS_OIDC_TOKEN_ENV",
    "DATABRICKS_OIDC_TOKEN_FILEPATH",
)

RIVAL_HINT = "unset them, or set DATABRICKS_AUTH_TYPE=pat so that only the token counts"
"""What to do about variables of another login."""


def rival_variables(auth: Auth, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Variables of another login, for which the Databricks SDK refuses a token."""
    if auth is not Auth.TOKEN or environment.get("DATABRICKS_AUTH_TYPE"):
        return ()
    return tuple(name for name in _OTHER_LOGINS if environment.get(name))


def rival_text(rivals: tuple[str, ...], token: str = TOKEN) -> str:
    """One sentence about variables of another login than that of the variable ``token``."""
    return f"{token} and {', '.join(rivals)} are set: the Databricks SDK takes one login, not two"


def missing_text(missing: tuple[str, ...]) -> str:
    """One sentence about missing variables.

    Examples:
        >>> missing_text(("A", "B", "C"))
        'the environment variables A, B and C are not set'
        >>> missing_text(("A",))
        'the environment variable A is not set'
    """
    if len(missing) == 1:
        return f"the environment variable {missing[0]} is not set"
    return f"the environment variables {', '.join(missing[:-1])} and {missing[-1]} are not set"


_MEANING = {
    HOST: (
        f"{HOST} (in a job {JOB_HOST}) is the workspace's address, such as `dbc-1234.cloud.databricks.com`"
    ),
    HTTP_PATH: (
        f"{HTTP_PATH} is in the SQL warehouse's connection details; {WAREHOUSE_ID}, or "
        "`warehouse_id` in the profile, can stand for it"
    ),
    TOKEN: (
        f"{TOKEN} (in a job {JOB_TOKEN}) is a personal access token; {CLIENT_ID} and {CLIENT_SECRET} of a service "
        "principal, or `auth: browser` in the profile, can stand for it"
    ),
    CLIENT_ID: f"{CLIENT_ID} is the application id of a service principal",
    CLIENT_SECRET: f"{CLIENT_SECRET} is an OAuth secret of the service principal",
}


def missing_hint(missing: tuple[str, ...]) -> str:
    """What each missing variable is."""
    return "; ".join(_MEANING[name] for name in missing)
