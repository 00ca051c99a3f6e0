"""Writing the dbt project before something runs in it, and what users see of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlforge_sql.cli._options import Settings
from mlforge_sql.cli._render import show_diagnostics

if TYPE_CHECKING:
    from mlforge_sql.workflows.compile import Compiled


def write_compiled(settings: Settings, compiled: Compiled, *, keep_edits: bool = False) -> None:
    """Write a compiled project and warn of edits that were overwritten."""
    from mlforge_sql.workflows.compile import edit_warnings, write_project

    changes = write_project(compiled, keep_edits=keep_edits)
    if not settings.quiet:
        show_diagnostics(settings.root, edit_warnings(compiled, changes))
