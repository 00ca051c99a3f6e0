"""What the adapter, the connector, the SDK and Databricks say, in plain words with the next step.

The texts differ by release and say where the program was, not what to do. Each rule reads what is
stable in them: an error class, a quoted name. What no rule knows stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from mlforge_sql.databricks_workspace.login import (
    CLIENT_ID,
    CLIENT_SECRET,
    HOST,
    HTTP_PATH,
    JOB_TOKEN,
    RIVAL_HINT,
    TOKEN,
    WAREHOUSE_ID,
)


@dataclass(frozen=True, slots=True)
class Explanation:
    """An error in plain words.

    Attributes:
        code: The diagnostic's code.
        message: What happened, and to what.
        hint: The next step.
    """

    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    explain: Callable[[re.Match[str]], Explanation]


def explain(text: str) -> Explanation | None:
    """An error of dbt on Databricks in plain words; None when no rule knows it.

    Examples:
        >>> explain("[NO_SUCH_CATALOG_EXCEPTION] Catalog 'lab' was not found.").message
        'the catalog `lab` does not exist, or you may not see it'
    """
    for rule in _RULES:
        found = rule.pattern.search(text)
        if found is not None:
            return rule.explain(found)
    return explain_sum(text)


def explain_source(text: str) -> Explanation | None:
    r"""What the check of a source found, on any engine; None when it is something else.

    Examples:
        >>> found = "the source `a` (data/a.csv) is not as it was compiled: `x` is missing in data/a.csv"
        >>> explain_source(f"Compilation Error in model stg_a\n  {found}").message == found
        True
    """
    found = re.search(_SOURCE, text)
    return Explanation("MF113", found[0].strip(), _CHANGED_FILES) if found else None


def explain_sum(text: str) -> Explanation | None:
    """Sums that no decimal holds, on any engine: its own words have sums of rows in them, or say nothing."""
    if _WIDE_SUM.search(text) is None:
        return None
    message = "a sum of decimals has more than 38 digits, which is more than any type holds"
    return Explanation("MF122", message, _NARROWER)


def hide_secrets(text: str, environment: Mapping[str, str], names: Iterable[str] = ()) -> str:
    """The text without the values of variables that hold secrets.

    Args:
        text: Any text.
        environment: The environment variables.
        names: Further variables that hold secrets.
    """
    for name in (TOKEN, JOB_TOKEN, CLIENT_SECRET, *names):
        value = environment.get(name, "")
        if value:
            text = text.replace(value, f"<{name}>")
    return text


def _token(_: re.Match[str]) -> Explanation:
    hint = (
        "make a new token (in the workspace: Settings, Developer, Access tokens) and set "
        f"{TOKEN} to it; a token belongs to one workspace, so check {HOST} too; a job brings its own "
        f"in {JOB_TOKEN}"
    )
    return Explanation("MF078", f"Databricks does not accept the token in {TOKEN}", hint)


def _client(_: re.Match[str]) -> Explanation:
    hint = (
        "make a new OAuth secret for the service principal, and check that it is a member of "
        f"the workspace in {HOST}"
    )
    message = (
        f"Databricks does not accept the service principal in {CLIENT_ID} with {CLIENT_SECRET}"
    )
    return Explanation("MF078", message, hint)


def _address(_: re.Match[str]) -> Explanation:
    hint = "ask an administrator to admit this machine's address, or use the network it admits"
    message = "the workspace's IP access list does not admit this machine"
    return Explanation("MF078", message, hint)


def _rivals(_: re.Match[str]) -> Explanation:
    message = f"the environment has {TOKEN} and the variables of another login"
    return Explanation("MF078", message, RIVAL_HINT)


def _catalog(found: re.Match[str]) -> Explanation:
    name = _plain(found["name"])
    hint = (
        "have it created and USE CATALOG granted, or change `catalog` of the profile in "
        "mlforge.yaml; for a source, change its `table`"
    )
    return Explanation("MF079", f"the catalog `{name}` does not exist, or you may not see it", hint)


def _schema(found: re.Match[str]) -> Explanation:
    name = _plain(found["name"])
    hint = "check `table` of the sources, or have the schema created and USE SCHEMA granted"
    return Explanation("MF079", f"the schema `{name}` does not exist, or you may not see it", hint)


def _table(found: re.Match[str]) -> Explanation:
    name = _plain(found["name"])
    hint = (
        "if it is a source, check its `table` and have SELECT granted; if it is a feature, "
        "build it first"
    )
    return Explanation("MF079", f"the table `{name}` does not exist, or you may not see it", hint)


def _privilege(found: re.Match[str]) -> Explanation:
    privilege = " ".join(found["privilege"].split())
    kind, name = found["kind"], found["name"]
    where = f" on {kind.lower()} `{name}`" if name else ""
    target = f"{kind.lower()} {name}" if name else "..."
    hint = (
        f"ask its owner: `grant {privilege.lower()} on {target} to ...`; `mlforge doctor` tries "
        "every privilege that a build needs"
    )
    return Explanation("MF079", f"the privilege {privilege} is missing{where}", hint)


def _some_privilege(_: re.Match[str]) -> Explanation:
    hint = "`mlforge doctor` tries every privilege that a build needs and names what is missing"
    return Explanation("MF079", "Databricks refuses it: a privilege is missing", hint)


def _no_warehouse(_: re.Match[str]) -> Explanation:
    hint = (
        f"check {HTTP_PATH}, {WAREHOUSE_ID} or the profile's `warehouse_id` against the SQL "
        "warehouse's connection details"
    )
    return Explanation("MF079", "the workspace has no such SQL warehouse", hint)


def _starting(_: re.Match[str]) -> Explanation:
    hint = "start it in the workspace (SQL Warehouses), then run the same command again"
    return Explanation("MF077", "the SQL warehouse did not start in time", hint)


def _gone(_: re.Match[str]) -> Explanation:
    hint = (
        "see that it runs (in the workspace: SQL Warehouses) and run the same command again: "
        "every table is as it was before, or complete"
    )
    return Explanation("MF077", "the SQL warehouse stopped answering", hint)


def _no_trust(_: re.Match[str]) -> Explanation:
    hint = "name the authority's certificates, a file, in SSL_CERT_FILE and in REQUESTS_CA_BUNDLE"
    return Explanation("MF077", "the workspace's certificate is not trusted here", hint)


_CHANGED = (
    "if a source's column has changed, change its table back, or say what it is now in the "
    "source's `columns:`; what could not be built is as it was before"
)


_WIDE_SUM = re.compile(
    r"Overflow in HUGEINT addition|Overflow in SUM of DECIMAL|Overflow in sum of decimals", re.I
)
_NARROWER = (
    "leave out values that cannot be right with `where`, or sum them as doubles: "
    "`select: {amount: cast(amount as double)}`"
)
_CHANGED_FILES = (
    "mend the rows or files, or say what the columns are in the source's `columns:` and compile "
    "again; what could not be built is as it was before"
)
_SOURCE = r"the source `[^`\n]+` \([^\n]+\) is not as it was compiled: [^\n]+"


def _contract(found: re.Match[str]) -> Explanation:
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in found["rows"].splitlines()
        if line.strip().startswith("|") and "---" not in line
    ]
    changes = ", ".join(_changed(row) for row in rows if len(row) >= 3)
    message = f"the columns are not those that were compiled: {changes}"
    return Explanation("MF079", message, _CHANGED)


def _source(found: re.Match[str]) -> Explanation:
    return Explanation("MF079", found[0].strip(), _CHANGED)


def _setting(found: re.Match[str]) -> Explanation:
    message, _, hint = found[0].strip().partition("; set it ")
    return Explanation("MF128", message, f"set it {hint}")


def _changed(row: list[str]) -> str:
    name, real, compiled = row[:3]
    if not real:
        return f"`{name}` is missing"
    if not compiled:
        return f"`{name}` is new"
    return f"`{name}` is {real}, not {compiled}"


def _column(found: re.Match[str]) -> Explanation:
    return Explanation("MF079", f"there is no column `{_plain(found['name'])}`", _CHANGED)


def _value(found: re.Match[str]) -> Explanation:
    message = f"a value of type {found['real'].lower()} is no {found['wanted'].lower()}"
    return Explanation("MF079", message, _CHANGED)


def _types(found: re.Match[str]) -> Explanation:
    return Explanation("MF079", f"types do not fit ({found[1]})", _CHANGED)


def _plain(name: str) -> str:
    """A name without its quotes."""
    return name.replace("`.`", ".").strip("`'\"")


def _rule(pattern: str, explained: Callable[[re.Match[str]], Explanation]) -> _Rule:
    return _Rule(re.compile(pattern, re.IGNORECASE | re.DOTALL), explained)


_NAMED = r"(?P<name>`[^`]+`(?:\.`[^`]+`)*|'[^']+'|[\w.-]+)"

_RULES = (
    _rule(r"the session setting `[^`\n]+` is not [^\n]+", _setting),
    _rule(_SOURCE, _source),
    _rule(r"more than one authorization method configured", _rivals),
    _rule(r"invalid_client|client authentication failed", _client),
    _rule(
        r"invalid access token|credential was not sent|http-code=40[13]\b"
        r"|\b401(?: client)? (?:error|unauthorized)|token .{0,40}(?:expired|not valid|is invalid)",
        _token,
    ),
    _rule(rf"(?:NO_SUCH_CATALOG|CATALOG_NOT_FOUND)\w*.{{0,20}}?catalog {_NAMED}", _catalog),
    _rule(rf"catalog {_NAMED} (?:was not found|does not exist)", _catalog),
    _rule(rf"SCHEMA_NOT_FOUND.{{0,20}}?schema {_NAMED}", _schema),
    _rule(rf"TABLE_OR_VIEW_NOT_FOUND.{{0,20}}?table or view {_NAMED}", _table),
    _rule(r"blocked by Databricks IP ACL", _address),
    _rule(
        r"does not have (?P<privilege>(?-i:[A-Z][A-Z_ ]*[A-Z]))"
        r"(?:\s+on\s+(?P<kind>\w+)\s+['`](?P<name>[^'`]+)['`])?",
        _privilege,
    ),
    _rule(r"INSUFFICIENT_PERMISSIONS|PERMISSION_DENIED", _some_privilege),
    _rule(
        r"RESOURCE_DOES_NOT_EXIST|ENDPOINT_NOT_FOUND|http-code=404|404 - NOT_FOUND", _no_warehouse
    ),
    _rule(r"TEMPORARILY_UNAVAILABLE|http-code=503|too many 503|is starting", _starting),
    _rule(r"CERTIFICATE_VERIFY_FAILED", _no_trust),
    _rule(
        r"max retries exceeded|connection refused|connection aborted|connection reset"
        r"|remote end closed|broken pipe|read timed out|retry request would exceed"
        r"|NewConnectionError|ProtocolError",
        _gone,
    ),
    _rule(r"enforced contract that failed.*?mismatch_reason\s*\|(?P<rows>.*)", _contract),
    _rule(r"UNRESOLVED_COLUMN.*?with name (?P<name>`[^`]+`(?:\.`[^`]+`)*)", _column),
    _rule(
        r"CAST_INVALID_INPUT\] The value '.*' of the type \"(?P<real>[^\"]+)\" cannot "
        r"be cast to \"(?P<wanted>[^\"]+)\"",
        _value,
    ),
    _rule(
        r"\[(DATATYPE_MISMATCH[\w.]*|DELTA_(?:METADATA_MISMATCH|FAILED_TO_MERGE_FIELDS)\w*)", _types
    ),
)
