"""Values to YAML text, the same bytes every time."""

from __future__ import annotations

from typing import Any

import yaml

_NO_FOLDING = 10_000


class _Dumper(yaml.CSafeDumper):
    """Plain values only; the same list twice is written twice, not as an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def yaml_text(value: Any) -> str:
    """YAML text of nested plain values, in their own order, one value a line.

    Examples:
        >>> print(yaml_text({"b": [1, "yes"], "a": "x: y"}), end="")
        b:
        - 1
        - 'yes'
        a: 'x: y'
    """
    return yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=_NO_FOLDING,
        default_flow_style=False,
    )
