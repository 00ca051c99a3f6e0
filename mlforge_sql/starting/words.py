"""What the names of columns say, as far as names can be trusted."""

from __future__ import annotations

import re

_ID = re.compile(r"(?:^|_)(?:id|key|code|no|nr|num|number|uuid|guid|sku|ean|isbn|iata|icao)$|num$")
_NOUNS = frozenset(
    [
        "account",
        "actor",
        "advertiser",
        "airline",
        "airport",
        "asset",
        "author",
        "branch",
        "brand",
        "buyer",
        "campaign",
        "card",
        "carrier",
        "channel",
        "city",
        "client",
        "company",
        "contract",
        "counterparty",
        "country",
        "courier",
        "customer",
        "department",
        "device",
        "doctor",
        "driver",
        "employee",
        "equipment",
        "facility",
        "firm",
        "fund",
        "hospital",
        "house",
        "household",
        "instrument",
        "item",
        "lender",
        "listing",
        "location",
        "machine",
        "member",
        "merchant",
        "meter",
        "movie",
        "node",
        "organisation",
        "organization",
        "owner",
        "patient",
        "payee",
        "payer",
        "person",
        "player",
        "portfolio",
        "product",
        "publisher",
        "rider",
        "region",
        "school",
        "seller",
        "sensor",
        "server",
        "session",
        "shop",
        "site",
        "state",
        "station",
        "store",
        "student",
        "subject",
        "subscriber",
        "supplier",
        "symbol",
        "team",
        "tenant",
        "terminal",
        "ticker",
        "trader",
        "user",
        "vehicle",
        "vendor",
        "vessel",
        "visitor",
        "warehouse",
        "website",
        "worker",
    ]
)
_WHO = frozenset(
    [
        *(
            "account",
            "buyer",
            "card",
            "client",
            "customer",
            "driver",
            "employee",
            "household",
            "member",
        ),
        *("patient", "payer", "person", "player", "rider", "seller", "student", "subject"),
        *("subscriber", "trader", "user", "visitor", "worker"),
    ]
)
_NO_THING = re.compile(
    r"(?:^|_)(?:zip|post|postal|status|currency|response|error|return|exit|reason|house|street|line|row|seq"
    r"|sequence|step|version|page|room|seat|type|phone|color|colour|language|time_?zone)"
    r"(?:_(?:code|key|no|nr|num|number|id))?$"
)
_TARGET = re.compile(
    r"(?:^|_)(?:target|label|labels|outcome|churn|churned|fraud|fraudulent|chargeback|converted|conversion"
    r"|default|defaulted|clicked|cancelled|canceled|returned|refunded|survived|spam|anomaly|responded"
    r"|purchased|approved|rejected|late|no_show)$"
)
_PERSONAL = re.compile(
    r"(?:^|_)(?:first_?name|last_?name|full_?name|surname|given_?name|forename|(?:e_?)?mail|phone|telephone|cell|mobile|address|street|birth"
    r"|birthday|dob|date_of_birth|ssn|passport|iban|ip|password|token|secret)(?:_|$)"
)
_NOT_MEASURED = re.compile(
    r"(?:^|_)(?:lat|latitude|lon|lng|long|longitude|year|month|week|weekday|day|hour|minute|second|quarter|time"
    r"|zip|zipcode|postcode|postal|phone|index|rownames|row|rank|version|flag|status)(?:_|$)|^is_|^has_"
)
_AMOUNTS = re.compile(
    r"(?:^|_)(?:amount|price|cost|total|revenue|sales|spend|spent|value|volume|quantity|qty|count|fee|paid|payment"
    r"|takings|units|turnover|balance)(?:_|$)"
)
_EVENT = re.compile(
    r"(?:^|_)(?:timestamp|datetime|time|ts|at|date|day|when|occurred|happened|created|ordered|event|month|dt)(?:_|$)"
)
_OTHER_TIME = re.compile(
    r"(?:^|_)(?:birth|dob|birthday|updated|modified|deleted|expires?|expiry|due|end|ended|enddate|valid|until|loaded"
    r"|ingested|inserted|processed|sched|scheduled|planned|reply|load|etl)(?:_|$)|^valid_"
)


def snake(name: str) -> str:
    """A name as words in lower case, joined by ``_``.

    Examples:
        >>> snake("TotalVolume"), snake("alk.phos"), snake("userID"), snake("2nd")
        ('total_volume', 'alk_phos', 'user_id', '_2nd')
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    words = re.sub(r"[^A-Za-z0-9]+", "_", spaced).strip("_").lower() or "column"
    return f"_{words}" if words[0].isdigit() else words


def is_id(name: str) -> bool:
    """Whether a name says that its values identify something.

    Examples:
        >>> [is_id(name) for name in ("customer_id", "tailnum", "humid", "no")]
        [True, True, False, True]
    """
    return _ID.search(snake(name)) is not None


def is_noun(name: str) -> bool:
    """Whether a name is that of something that events happen to, such as ``customer``."""
    return not _NOUNS.isdisjoint(snake(name).split("_")[-1:])


def is_who(name: str) -> bool:
    """Whether a name is that of somebody, whom most features are about.

    Examples:
        >>> [is_who(name) for name in ("user", "accountNo", "merchant_id", "customer_city")]
        [True, True, False, False]
    """
    return thing(name, "").split("_")[-1] in _WHO


def is_thing(name: str) -> bool:
    """False for a name whose values tell rows apart, or sort them, and are nothing that has a history.

    Examples:
        >>> [is_thing(name) for name in ("zip_code", "line_no", "status", "customer_no")]
        [False, False, False, True]
    """
    return _NO_THING.search(snake(name)) is None


def is_target(name: str) -> bool:
    """Whether a name is that of something to be predicted.

    Examples:
        >>> [is_target(name) for name in ("is_fraud", "label", "Churned", "default_currency")]
        [True, True, True, False]
    """
    return _TARGET.search(snake(name)) is not None


def is_personal(name: str) -> bool:
    """Whether a name says that its values are somebody's own, such as an address."""
    return _PERSONAL.search(snake(name)) is not None


def is_measured(name: str) -> bool:
    """Whether numbers of this name may be added up or averaged."""
    return _NOT_MEASURED.search(snake(name)) is None and not is_id(name)


def is_amount(name: str) -> bool:
    """Whether the sum of numbers of this name says something."""
    return _AMOUNTS.search(snake(name)) is not None


def time_rank(name: str) -> int:
    """How much a name says that its times are those of the events; negative: rather not."""
    words = snake(name)
    if _OTHER_TIME.search(words):
        return -1
    return 1 if _EVENT.search(words) else 0


def thing(column: str, otherwise: str) -> str:
    """What a key column identifies: its name without what says that it is a key.

    Examples:
        >>> (
        ...     thing("customer_id", "x"),
        ...     thing("Symbol", "x"),
        ...     thing("id", "order"),
        ...     thing("tailnum", "x"),
        ... )
        ('customer', 'symbol', 'order', 'tail')
    """
    words = _ID.sub("", snake(column)).strip("_")
    return words or otherwise


def singular(noun: str) -> str:
    """One of several, as far as English is regular.

    Examples:
        >>> [singular(noun) for noun in ("orders", "categories", "weather", "glass", "boxes")]
        ['order', 'category', 'weather', 'glass', 'box']
    """
    if noun.endswith("ies") and len(noun) > 4:
        return f"{noun[:-3]}y"
    if re.search(r"(?:x|ch|sh|ss)es$", noun):
        return noun[:-2]
    return noun[:-1] if noun.endswith("s") and not noun.endswith("ss") else noun
