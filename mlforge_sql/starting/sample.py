"""Sample data of a first project: orders of a small shop, the same each time."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

_START = datetime(2024, 1, 1, tzinfo=UTC)
_DAYS = 182
_CUSTOMERS = 40
_PRODUCTS = 12
_LATER = timedelta(days=30)
_FORMAT = "%Y-%m-%d %H:%M:%S"


def sample_files() -> dict[str, str]:
    """The data files, as csv text by name: ``orders.csv`` and ``labels.csv``."""
    orders = _orders()
    rows = [
        f"o{number:04},{customer},{product},{time.strftime(_FORMAT)},{cents // 100}.{cents % 100:02}"
        for number, (time, customer, product, cents) in enumerate(orders, start=1)
    ]
    labels = [
        f"{customer},{time.strftime(_FORMAT)},{str(again).lower()}"
        for customer, time, again in _labels(orders)
    ]
    return {
        "orders.csv": _csv("order_id,customer_id,product_id,ordered_at,amount", rows),
        "labels.csv": _csv("customer_id,label_time,ordered_again", labels),
    }


def _orders() -> list[tuple[datetime, str, str, int]]:
    """Orders by time: some customers come back often, and prices differ by product."""
    draw = random.Random(7)  # noqa: S311 - sample data, not a secret
    prices = [draw.randint(5_00, 80_00) for _ in range(_PRODUCTS)]
    found = []
    for customer in range(1, _CUSTOMERS + 1):
        pause = draw.uniform(3, 45)
        day = draw.uniform(0, 40)
        while day < _DAYS:
            product = min(int(draw.expovariate(0.25)), _PRODUCTS - 1)
            time = _START + timedelta(seconds=int(day * 86_400))
            cents = prices[product] * draw.choice((1, 1, 1, 2, 3))
            found.append((time, f"c{customer:02}", f"p{product + 1:02}", cents))
            day += draw.expovariate(1 / pause)
    return sorted(found)


def _labels(
    orders: list[tuple[datetime, str, str, int]],
) -> list[tuple[str, datetime, bool]]:
    """Every customer at the first of March, April and May, and whether they ordered again."""
    found = []
    for month in (3, 4, 5):
        time = datetime(2024, month, 1, tzinfo=UTC)
        again = {customer for at, customer, *_ in orders if time <= at < time + _LATER}
        for number in range(1, _CUSTOMERS + 1):
            customer = f"c{number:02}"
            found.append((customer, time, customer in again))
    return found


def _csv(heading: str, rows: list[str]) -> str:
    return "\n".join([heading, *rows, ""])
