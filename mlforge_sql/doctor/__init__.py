"""The doctor: whether a profile can be built from here, and the next step where it cannot.

``checks.py`` lists the checks of a profile; a check is a function of a ``Patient`` that returns a
``Finding``. ``examine`` runs them in order and leaves out those that an earlier one made pointless.
"""

from __future__ import annotations
