"""``mlforge profile``."""

from __future__ import annotations

import click

from mlforge_sql.cli._options import Settings, json_option, pass_settings
from mlforge_sql.cli._render import print_json, print_table


@click.command("profile")
@click.argument("name", required=False)
@json_option
@pass_settings
def profile(settings: Settings, name: str | None, as_json: bool) -> None:
    """Show the profiles of mlforge.yaml, or one of them."""
    from mlforge_sql.loading.load import load_config
    from mlforge_sql.project.selection import find_profile

    config = load_config(settings.root).spec
    names = [find_profile(config, name)] if name else list(config.profiles)
    stores = {
        item: config.profiles[item].model_dump(mode="json", by_alias=True, exclude_none=True)
        for item in names
    }
    if as_json:
        print_json({"version": 1, "default": config.default, "profiles": stores})
        return
    rows = [
        (f"{item} (default)" if item == config.default else item, kind, _store(found))
        for item in names
        for kind in ("offline_store", "online_store")
        if (found := stores[item].get(kind))
    ]
    print_table(("profile", "store", "where"), rows)


def _store(store: dict[str, object]) -> str:
    rest = ", ".join(f"{key} {value}" for key, value in store.items() if key != "KIND" and value)
    return f"{store['KIND']}: {rest}"
