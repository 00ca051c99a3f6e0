from __future__ import annotations

import mlforge_sql as mlf
from accounts.features import account_booked, account_valued

defs = mlf.Definitions(name="accounts", features=[account_booked, account_valued])
