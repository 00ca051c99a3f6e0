"""``mlforge online``."""

from __future__ import annotations

import click

from mlforge_sql.cli.online.check import check
from mlforge_sql.cli.online.delete import delete
from mlforge_sql.cli.online.get import get
from mlforge_sql.cli.online.status import status
from mlforge_sql.cli.online.sync import sync


@click.group("online")
def online() -> None:
    """Serve current values: fill the online store, read it, look after it."""


for _command in (sync, get, status, check, delete):
    online.add_command(_command)
