"""The SQL that somebody runs once, so that a profile's tables can be published from dbt."""

from __future__ import annotations

import json

from mlforge_sql.dbt.headers import MARK
from mlforge_sql.dialects.quoting import DATABRICKS
from mlforge_sql.spec.config import UnityCatalogStore
from mlforge_sql.spec.databricks_online import DatabricksOnlineStore

SCOPE = "mlforge"
"""Scope of the secrets that the connection's login is kept in."""


def setup_sql(
    profile: str, offline: UnityCatalogStore, online: DatabricksOnlineStore, store: str
) -> str:
    """The setup of a profile; what stands in ``<...>`` is for the reader to fill in.

    Args:
        profile: Name of the profile.
        offline: Where its feature tables are.
        online: Its online store.
        store: Name of that.
    """
    connection = online.connection
    schema = f"{online.catalog}.{online.schema_}"
    source = f"{DATABRICKS.name(offline.catalog)}.{DATABRICKS.name(offline.schema_)}"
    created = json.dumps({"name": store, "capacity": online.capacity})
    return f"""\
-- {MARK} from mlforge.yaml. Do not edit.
--
-- What the online tables of profile `{profile}` need, once. Run it in a SQL editor, on a pro or
-- serverless warehouse, as somebody who may create connections in the metastore.
-- Replace <workspace>, the host without https://; <builder>, who runs dbt; <publisher>, whose login
-- the connection has. The last two may be one and the same.


-- 1. The connection through which dbt calls the API of this workspace. Who owns its login, the
--    publisher, is who publishes. Keep the login in secrets first, a token for example:
--        databricks secrets create-scope {SCOPE}
--        databricks secrets put-secret {SCOPE} api_token
create connection if not exists {connection} type http options (
    host 'https://<workspace>',
    port '443',
    base_path '/api/',
    bearer_token secret('{SCOPE}', 'api_token')
);

-- Or, in its place, with the login of a service principal (OAuth, machine to machine):
-- create connection if not exists {connection} type http options (
--     host 'https://<workspace>',
--     port '443',
--     base_path '/api/',
--     client_id secret('{SCOPE}', 'client_id'),
--     client_secret secret('{SCOPE}', 'client_secret'),
--     oauth_scope 'all-apis',
--     token_endpoint 'https://<workspace>/oidc/v1/token'
-- );


-- 2. Who runs dbt may call through it.
grant use connection on connection {connection} to `<builder>`;


-- 3. The schema of the online tables, and what the publisher needs there and on the feature tables.
create schema if not exists {schema};
grant use catalog on catalog {online.catalog} to `<publisher>`;
grant use schema, create table on schema {schema} to `<publisher>`;
grant use catalog on catalog {DATABRICKS.name(offline.catalog)} to `<publisher>`;
grant use schema, select on schema {source} to `<publisher>`;


-- 4. The online store, unless there is one already. It takes some minutes to be AVAILABLE.
select to_json(http_request(
    conn => '{connection}', method => 'POST', path => '/2.0/feature-store/online-stores',
    json => '{created}'
)) as answer;


{_readers(online)}

-- 6. The store's state. `mlforge doctor --profile {profile}` checks all of this.
select to_json(http_request(
    conn => '{connection}', method => 'GET', path => '/2.0/feature-store/online-stores/{store}'
)) as answer;
"""


def _readers(online: DatabricksOnlineStore) -> str:
    """What those need who only look values up: nobody else has to, so it is not run."""
    schema = f"{online.catalog}.{online.schema_}"
    lines = [
        "-- 5. Who only looks values up, <reader>: in Unity Catalog; and in Postgres, where the owner of the",
        "--    online store runs it once tables are there. Not seen live:",
        "--    https://docs.databricks.com/aws/en/oltp/instances/pg-roles",
        f"-- grant use catalog on catalog {online.catalog} to `<reader>`;",
        f"-- grant use schema, select on schema {schema} to `<reader>`;",
        "--    In Postgres:",
        "--    select databricks_create_role('<reader>', 'SERVICE_PRINCIPAL');",
        f'--    grant usage on schema {online.schema_} to "<reader>";',
        f'--    grant select on all tables in schema {online.schema_} to "<reader>";',
        "",
    ]
    return "\n".join(lines)
