"""``mlforge profile``."""

from __future__ import annotations

from collections.abc import Mapping

import click

from mlforge_sql.cli._options import Settings, json_option, pass_settings
from mlforge_sql.cli._render import print_json, print_table


@click.command("profile")
@click.argument("name", required=False)
@click.option(
    "--validate", is_flag=True, help="Check that they can be used from here, as `doctor` does."
)
@json_option
@pass_settings
def profile(settings: Settings, name: str | None, validate: bool, as_json: bool) -> None:
    """Show the profiles of mlforge.yaml, or one of them.

    With --validate each is checked: versions, environment, project, host, login
    and stores. Exits with 1 if something fails.
    """
    from dataclasses import asdict

    from mlforge_sql.cli.doctor import show_result
    from mlforge_sql.doctor.examine import examine
    from mlforge_sql.loading.load import load_config
    from mlforge_sql.project.selection import find_profile

    config = load_config(settings.root).spec
    names = [find_profile(config, name)] if name else list(config.profiles)
    stores = {
        item: config.profiles[item].model_dump(mode="json", by_alias=True, exclude_none=True)
        for item in names
    }
    results = {item: list(examine(settings.root, item)) for item in names} if validate else {}
    failed = any(each.status == "fail" for found in results.values() for each in found)
    if as_json:
        found = {"version": 1, "default": config.default, "profiles": stores}
        checks = {item: [asdict(each) for each in some] for item, some in results.items()}
        print_json({**found, "ok": not failed, "checks": checks} if validate else found)
    else:
        _show(config.default, stores)
        for item, some in results.items():
            click.echo(f"\n{item}")
            for each in some:
                show_result(each)
    if failed:
        raise click.exceptions.Exit(1)


def _show(default: str, stores: Mapping[str, Mapping[str, dict[str, object]]]) -> None:
    rows = [
        (f"{item} (default)" if item == default else item, kind, _store(found))
        for item, kinds in stores.items()
        for kind in ("offline_store", "online_store")
        if (found := kinds.get(kind))
    ]
    print_table(("profile", "store", "where"), rows)


def _store(store: dict[str, object]) -> str:
    rest = (
        key.replace("_", " ") if value is True else f"{key} {value}"
        for key, value in store.items()
        if key != "KIND" and value
    )
    return f"{store['KIND']}: {', '.join(rest)}"
