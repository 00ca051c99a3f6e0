"""User text inside dbt files: it must arrive as it was written and never run."""

from __future__ import annotations

import re
from typing import Any

_RENDERED = re.compile(
    r"\{[{%#]|[#}%]\}|^\s*(env_var|ref|var|source|doc)\s*\(.+\)\s*$|[\r\n]", re.DOTALL
)


def jinja_safe(text: str) -> str:
    """Text that dbt's YAML rendering leaves as it is.

    dbt renders Jinja in test arguments and descriptions, and calls a whole argument that looks
    like ``var(...)``.

    Examples:
        >>> jinja_safe("plain"), jinja_safe("a{{2}}")
        ('plain', "{{ 'a{{2}}' }}")
    """
    return f"{{{{ {jinja_text(text)} }}}}" if _RENDERED.search(text) else text


def jinja_text(text: str) -> str:
    """A string in Jinja.

    Examples:
        >>> print(jinja_text('a "b"'))
        'a "b"'
    """
    body = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{body}'"


def safe_values(value: Any) -> Any:
    """``jinja_safe`` for every text in a nested value."""
    if isinstance(value, str):
        return jinja_safe(value)
    if isinstance(value, dict):
        return {key: safe_values(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [safe_values(item) for item in value]
    return value
