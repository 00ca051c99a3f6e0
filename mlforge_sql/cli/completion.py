"""``mlforge completion``."""

from __future__ import annotations

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes SHELL complete commands, options and names.

    \b
    bash   mlforge completion bash >> ~/.bashrc
    zsh    mlforge completion zsh >> ~/.zshrc
    fish   mlforge completion fish > ~/.config/fish/completions/mlforge.fish
    """  # noqa: D301 - click's mark for a paragraph that is not filled
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None
    root = click.get_current_context().find_root().command
    click.echo(made.source_template % made(root, {}, "mlforge", "_MLFORGE_COMPLETE").source_vars())
