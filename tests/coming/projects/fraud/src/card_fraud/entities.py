"""Who pays, and to whom."""

from __future__ import annotations

import mlforge_sql as mlf

holder = mlf.Entity(
    name="holder",
    join_key="holder_id",
    from_columns=["first_name", "last_name", "born"],
)

shop = mlf.Entity(name="shop", join_key="shop_id", from_columns=["shop"])

card = mlf.Entity(name="card", join_key="card_no")
