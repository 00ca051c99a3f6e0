"""What the macros ask of the API, and what they make of every answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from databricks_online.jinja import (
    LOOKUP,
    MISSING,
    NAME,
    NEWER,
    PUBLISH,
    UPDATE,
    Jinja,
    refusal,
    table,
)

FORBIDDEN = refusal(403, "PERMISSION_DENIED", "User is not allowed")
THERE = refusal(409, "ALREADY_EXISTS", "Online table already exists.")
BUSY = refusal(409, "RESOURCE_CONFLICT", "An active update exists")
PUBLISHED = (200, {"online_table_name": NAME, "pipeline_id": "p1"})
STARTED = (200, {"update_id": "u1"})


def jinja(**answers: Any) -> Jinja:
    """The macros, and answers: one, or one after the other with the last for good."""
    calls = {"lookup": LOOKUP, "newer": NEWER, "publish": PUBLISH, "update": UPDATE}
    given = {calls[name]: item for name, item in answers.items()}
    return Jinja(answers={k: v if isinstance(v, list) else [v] for k, v in given.items()})


def done(text: str) -> dict[str, Any]:
    return {"name": NAME, "done": text, "problem": None}


def asked(found: Jinja) -> list[str]:
    return [call for call, _ in found.calls]


def test_a_missing_table_is_published() -> None:
    found = jinja(
        lookup=[MISSING, table("PROVISIONING_PIPELINE_RESOURCES")],
        newer=MISSING,
        publish=PUBLISHED,
    )
    assert found.refresh() == done("published as TRIGGERED")
    assert found.calls == [
        (LOOKUP, None),
        (NEWER, None),
        (
            PUBLISH,
            {
                "publish_spec": {
                    "online_store": "fraud-features",
                    "online_table_name": NAME,
                    "publish_mode": "TRIGGERED",
                }
            },
        ),
        (LOOKUP, None),
    ]
    assert found.connections == {"mlforge_api"}


@pytest.mark.parametrize("full_refresh", [False, True])
def test_a_table_that_is_there_is_updated(full_refresh: bool) -> None:
    found = jinja(lookup=[table(), table("ONLINE_TRIGGERED_UPDATE")], update=STARTED)
    text = found.refresh(full_refresh=full_refresh)["done"]
    assert text.startswith("full refresh started" if full_refresh else "update started")
    assert found.calls == [
        (LOOKUP, None),
        (UPDATE, {"full_refresh": full_refresh}),
        (LOOKUP, None),
    ]


def test_an_update_that_runs_is_fine() -> None:
    found = jinja(lookup=table("ONLINE_TRIGGERED_UPDATE"), update=BUSY)
    assert found.refresh() == done("an update is running already")
    assert found.warned == []


def test_a_full_refresh_beside_an_update_that_runs_is_a_warning() -> None:
    found = jinja(lookup=table("ONLINE_TRIGGERED_UPDATE"), update=BUSY)
    assert found.refresh(full_refresh=True)["done"] == "an update is running already"
    (warned,) = found.warned
    assert "mlforge online sync --profile live --full-refresh --wait" in warned


def test_another_run_was_faster() -> None:
    """It has published meanwhile; an update brings the rows of this run."""
    found = jinja(lookup=[MISSING, table()], newer=MISSING, publish=THERE, update=STARTED)
    assert found.refresh()["done"].startswith("update started")
    assert asked(found) == [LOOKUP, NEWER, PUBLISH, LOOKUP, UPDATE, LOOKUP]


@pytest.mark.parametrize(
    "answer",
    [
        THERE,
        refusal(400, "BAD_REQUEST", "Online table main.online.f_current already exists."),
        refusal(409, "RESOURCE_ALREADY_EXISTS", "no"),
    ],
)
def test_ways_to_say_that_it_exists(answer: Any) -> None:
    found = jinja(lookup=[MISSING, table()], newer=MISSING, publish=answer, update=STARTED)
    assert found.refresh()["problem"] is None


def test_a_table_of_the_catalog_has_the_name() -> None:
    taken = refusal(409, "TABLE_ALREADY_EXISTS", "Table 'main.online.f_current' already exists.")
    found = jinja(lookup=MISSING, newer=MISSING, publish=taken)
    assert found.refresh()["problem"] == (
        "publish answered 409, TABLE_ALREADY_EXISTS: Table 'main.online.f_current' already "
        "exists.; there is no online table of this name"
    )


NEWER_TABLE = {
    "name": f"synced_tables/{NAME}",
    "spec": {"source_table_full_name": "main.features.f_current"},
    "status": {"detailed_state": "SYNCED_TABLE_ONLINE", "pipeline_id": "p1"},
}


def test_tables_that_only_the_newer_api_knows() -> None:
    older = refusal(400, "INVALID_PARAMETER_VALUE", "Database instance is not available")
    for first in (older, MISSING, refusal(501, "NOT_IMPLEMENTED", "gone"), (410, "gone")):
        found = jinja(lookup=first, newer=(200, NEWER_TABLE), update=STARTED)
        assert found.refresh()["done"].startswith("update started")
        assert asked(found) == [LOOKUP, NEWER, UPDATE, LOOKUP, NEWER]


def test_an_older_api_that_refuses_to_talk_of_newer_tables() -> None:
    """It answers 400 for projects; nothing is there when its successor knows nothing either."""
    refused = refusal(400, "INVALID_PARAMETER_VALUE", "Database instance is not available")
    found = jinja(lookup=refused, newer=[MISSING, (200, NEWER_TABLE)], publish=PUBLISHED)
    assert found.refresh() == done("published as TRIGGERED")
    assert asked(found) == [LOOKUP, NEWER, PUBLISH, LOOKUP, NEWER]


@pytest.mark.parametrize(("looks", "appears"), [(3, True), (9, True), (10, False)])
def test_a_published_table_may_appear_later(looks: int, appears: bool) -> None:
    found = jinja(lookup=[MISSING] * (looks + 1) + [table()], newer=MISSING, publish=PUBLISHED)
    outcome = found.refresh()
    if appears:
        assert outcome == done("published as TRIGGERED")
    else:
        assert "there is no online table of this name" in outcome["problem"]
    assert asked(found).count(LOOKUP) == 1 + min(looks + 1, 10)


def test_a_connection_of_a_schema() -> None:
    found = jinja(lookup=table(), update=STARTED)
    found.online = {"connection": "main.tools.api", "on_error": "warn"}
    assert found.call("mlforge_online_is_connected") is True
    found.refresh()
    assert found.connections == {"main.tools.api"}


def test_a_failed_table_is_repaired() -> None:
    failed = table("ONLINE_PIPELINE_FAILED", message="unexpected Delta table")
    found = jinja(lookup=failed, update=STARTED)
    assert found.refresh()["done"] == (
        "full refresh started: it was ONLINE_PIPELINE_FAILED: unexpected Delta table"
    )
    assert (UPDATE, {"full_refresh": True}) in found.calls


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        (
            {"lookup": FORBIDDEN},
            "the lookup answered 403, PERMISSION_DENIED: User is not allowed",
        ),
        (
            {"lookup": MISSING, "newer": MISSING, "publish": FORBIDDEN},
            "publish answered 403, PERMISSION_DENIED: User is not allowed",
        ),
        (
            {"lookup": table(), "update": FORBIDDEN},
            "the update answered 403, PERMISSION_DENIED: User is not allowed",
        ),
        (
            {
                "lookup": MISSING,
                "newer": MISSING,
                "publish": refusal(
                    404, "RESOURCE_DOES_NOT_EXIST", "Online store 'x' does not exist."
                ),
            },
            "publish answered 404, RESOURCE_DOES_NOT_EXIST: Online store 'x' does not exist.",
        ),
        (
            {"lookup": (503, "<html>busy</html>")},
            "the lookup answered 503, <html>busy</html>",
        ),
        ({"lookup": (500, None)}, "the lookup answered 500, without a word"),
        ({"lookup": (500, "[1, 2]")}, "the lookup answered 500, [1, 2]"),
        (
            {"lookup": MISSING, "newer": FORBIDDEN},
            "the lookup answered 403, PERMISSION_DENIED: User is not allowed",
        ),
        (
            {"lookup": MISSING, "newer": MISSING, "publish": PUBLISHED},
            (
                'publish answered 200, {"online_table_name": "main.online.f_current", '
                '"pipeline_id": "p1"}; there is no online table of this name'
            ),
        ),
        (
            {
                "lookup": [MISSING, table("OFFLINE_FAILED", message="no key")],
                "newer": MISSING,
                "publish": PUBLISHED,
            },
            "is OFFLINE_FAILED: no key",
        ),
        (
            {
                "lookup": [table(), table("ONLINE_PIPELINE_FAILED", message="x")],
                "update": STARTED,
            },
            "is ONLINE_PIPELINE_FAILED: x",
        ),
        (
            {"lookup": [table(), MISSING], "newer": MISSING, "update": STARTED},
            "is gone although an update of it was started",
        ),
        (
            {"lookup": table(scheduling_policy="SNAPSHOT")},
            (
                "is published as SNAPSHOT, and the profile says TRIGGERED: a mode cannot be "
                "changed; delete the online table, then build again"
            ),
        ),
    ],
)
def test_problems_in_the_words_of_the_api(answers: dict[str, Any], problem: str) -> None:
    found = jinja(**answers)
    assert found.refresh() == {"name": NAME, "done": None, "problem": problem}


def test_strange_names_stay_one_literal() -> None:
    """Quotes, backslashes and slashes in the offline catalog reach the API as they are."""
    strange = "it's \\ a/b"
    name = "main.online.f_current"
    found = jinja(lookup=[MISSING, table()], newer=MISSING, publish=PUBLISHED)
    path = "it%27s%20%5C%20a/b.features.f_current"
    found.answers[f"POST /2.0/feature-store/tables/{path}/publish"] = [PUBLISHED]
    relation = SimpleNamespace(database=strange, schema="features", identifier="f_current")
    assert found.call("mlforge_online_refresh", relation, False)["name"] == name
    assert asked(found)[2] == f"POST /2.0/feature-store/tables/{path}/publish"


# When it is done


@pytest.mark.parametrize("which", ["compile", "parse", "test", "seed", "docs", "run-operation"])
def test_never_in_other_commands(which: str) -> None:
    flags = SimpleNamespace(WHICH=which, EMPTY=False, FULL_REFRESH=False)
    for when in ("built", "tests_pass"):
        found = Jinja(online={"publish_when": when}, context={"flags": flags})
        assert found.call("mlforge_online_hook") == ""
        assert found.call("mlforge_online_end", []) == ""
        assert found.calls == []


@pytest.mark.parametrize(
    "context",
    [
        {"execute": False},
        {"flags": SimpleNamespace(WHICH="build", EMPTY=True, FULL_REFRESH=False)},
        {"target": SimpleNamespace(type="duckdb", name="live")},
        {
            "target": SimpleNamespace(
                type="databricks", name="live", database="main", schema="other"
            )
        },
    ],
)
def test_never_without_data_or_elsewhere(context: dict[str, Any]) -> None:
    for when in ("built", "tests_pass"):
        found = Jinja(online={"publish_when": when}, context=context)
        assert found.call("mlforge_online_hook") == ""
        assert found.call("mlforge_online_end", []) == ""
        assert found.calls == []


def node(name: str, kind: str, feature: str = "f", **more: Any) -> Any:
    """A model as it is among the results of a run."""
    config = SimpleNamespace(meta={"mlforge": {"kind": kind, "feature": feature}})
    return SimpleNamespace(
        name=name,
        alias=None,
        database="main",
        schema="features",
        resource_type="model",
        config=config,
        **more,
    )


def result(found: Any, status: str = "success") -> Any:
    return SimpleNamespace(node=found, status=status)


def failing(attached: str | None, reads: list[str], status: str = "fail", **mlforge: str) -> Any:
    found = SimpleNamespace(
        config=SimpleNamespace(meta={"mlforge": mlforge}),
        name="t",
        resource_type="test",
        attached_node=attached,
        depends_on=SimpleNamespace(nodes=reads),
    )
    return SimpleNamespace(node=found, status=status)


GRAPH = {
    "nodes": {
        "model.f": {"config": {"meta": {"mlforge": {"kind": "feature", "feature": "f"}}}},
        "model.f_input": {"config": {"meta": {"mlforge": {"kind": "input", "feature": "f"}}}},
        "model.g": {"config": {"meta": {"mlforge": {"kind": "feature", "feature": "g"}}}},
        "model.training": {"config": {"meta": {"mlforge": {"kind": "training_set"}}}},
        "model.mine": {"config": {"meta": {}}},
    }
}


@pytest.mark.parametrize(
    ("test", "held"),
    [
        (failing("model.f_input", ["model.f_input"]), True),
        (failing("model.f", ["model.f", "model.mine"]), True),
        (failing("model.f", [], "error"), True),
        (failing(None, ["model.f", "model.f_input"]), True),
        (failing(None, ["model.f", "model.mine"], kind="feature_audit", feature="f"), True),
        (failing(None, ["model.g", "model.mine"], kind="feature_audit", feature="g"), False),
        (failing("model.g", ["model.g", "model.f"]), False),
        (failing("model.f", [], "pass"), False),
        (failing("model.f", [], "warn"), False),
        (failing(None, ["model.f", "model.training"]), False),
        (failing(None, ["model.f", "model.g"]), False),
        (failing("source.x", ["source.x"]), False),
        (failing(None, []), False),
    ],
)
def test_a_failed_test_keeps_its_feature_offline(test: Any, held: bool) -> None:
    found = jinja(lookup=[table()], update=STARTED)
    found.context = {"graph": GRAPH}
    found.call("mlforge_online_end", [result(node("f_current", "current")), test])
    assert (found.calls == []) == held
    assert ("f_current is not published: its test t did not pass" in found.logged[0]) == held


def test_only_what_was_built_is_published_and_current_values_first() -> None:
    found = jinja(lookup=[table()], update=STARTED)
    for name in ("main.online.f_upcoming", "main.online.g_current"):
        found.answers[f"GET /2.0/database/synced_tables/{name}"] = [
            table(scheduling_policy="SNAPSHOT")
        ]
    sql = found.call(
        "mlforge_online_end",
        [
            result(node("f_upcoming", "upcoming")),
            result(node("f_current", "current")),
            result(node("f", "feature")),
            result(node("g_current", "current", "g"), "error"),
            result(node("h_current", "current", "h"), "skipped"),
        ],
    )
    assert asked(found)[0] == LOOKUP
    assert "main.online.f_upcoming: is published from" in sql
    assert "g_current" not in str(asked(found))
    assert "online: main.online.f_current: update started: its table was built" in found.logged


def test_problems_are_told_together() -> None:
    both = [result(node(f"{name}_current", "current", name)) for name in ("f", "g")]
    answers = {
        f"GET /2.0/database/synced_tables/main.online.{name}_current": [FORBIDDEN] for name in "fg"
    }
    text = (
        "the online table main.online.f_current: the lookup answered 403, PERMISSION_DENIED: User "
        "is not allowed; the online table main.online.g_current: the lookup answered 403, "
        "PERMISSION_DENIED: User is not allowed"
    )
    sql = Jinja(answers=dict(answers)).call("mlforge_online_end", both)
    assert sql == f"select raise_error('{text}') as problem"
    warning = Jinja(online={"on_error": "warn"}, answers=dict(answers))
    assert warning.call("mlforge_online_end", both) == ""
    assert warning.warned == [text]
    assert warning.call("mlforge_online_probe", both) == ""


def test_the_probe_fails_where_calls_would() -> None:
    """It is SQL of the hook itself, whose failure dbt reports as one."""
    built = [result(node("f_current", "current"))]
    found = Jinja()
    assert found.call("mlforge_online_probe", built) == (
        "select to_json(http_request(conn => 'mlforge_api', method => 'GET', "
        "path => '/2.0/feature-store/online-stores/fraud-features')) as answer"
    )
    for nothing in (
        [],
        [result(node("f", "feature"))],
        [result(node("f_current", "current"), "error")],
    ):
        assert found.call("mlforge_online_probe", nothing) == ""
    assert Jinja(online={"publish_when": "built"}).call("mlforge_online_probe", built) == ""
    assert found.calls == []


def test_without_a_connection_a_warning_is_all() -> None:
    found = Jinja(online={"on_error": "warn"}, connected=False)
    assert found.call("mlforge_online_end", [result(node("f_current", "current"))]) == ""
    (warned,) = found.warned
    assert "the connection mlforge_api is not there, or you may not use it" in warned
    assert "setup/online_live.sql" in warned
    assert found.calls == []


def test_the_post_hook_publishes_what_was_built() -> None:
    this = SimpleNamespace(database="main", schema="features", identifier="f_current")
    for when, calls in (("built", [LOOKUP, UPDATE, LOOKUP]), ("tests_pass", [])):
        found = jinja(lookup=[table()], update=STARTED)
        found.online = {"publish_when": when}
        found.context = {"this": this}
        assert found.call("mlforge_online_hook") == ""
        assert asked(found) == calls


def test_a_profile_without_the_hook_has_no_macro() -> None:
    with pytest.raises(KeyError):
        Jinja(online={"publish_via": "cli"}).call("mlforge_online_hook")
