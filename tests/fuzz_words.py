"""What projects are mutated from, and with: see ``fuzzing``."""

from __future__ import annotations

from typing import Any

Spec = dict[str, Any]

CONFIG: Spec = {
    "name": "fuzz",
    "default_profile": "dev",
    "profiles": {
        "dev": {"offline_store": {"KIND": "local", "path": "./store", "settings": {"threads": 1}}}
    },
}
DATABRICKS: Spec = {
    "offline_store": {"KIND": "unity_catalog", "catalog": "main", "schema": "fs"},
    "online_store": {"KIND": "databricks_online", "catalog": "main", "schema": "fs_online"},
}
SPECS: Spec = {
    "entities": [
        {"name": "customer", "join_key": "customer_id", "from_columns": ["first", "last"]},
        {"name": "merchant", "join_key": "merchant_id"},
    ],
    "sources": [
        {
            "name": "tx",
            "path": "data/tx.parquet",
            "table": "main.raw.tx",
            "timestamp": {"column": "at"},
            "where": "amount > 0",
            "dedupe": {"key": ["id"], "order_by": ["at"]},
            "description": "Purchases",
        }
    ],
    "features": [
        {
            "name": "spend",
            "source": "tx",
            "entities": ["customer"],
            "interval": "1d",
            "tags": ["core"],
            "metrics": [
                {"windows": ["7d", "lifetime"], "aggregations": {"amount": ["sum", "mean"]}},
                {"field": "amount", "function": "count", "windows": ["1d"], "name": "speed"},
            ],
            "validators": {"amount": [{"greater_than": 0}, {"in_range": {"min": 0, "max": 9}}]},
        },
        {
            "name": "last",
            "source": "tx",
            "entities": ["merchant"],
            "select": {"doubled": "amount * 2", "kind": "kind"},
            "tie_breaker": ["id"],
        },
    ],
    "training_sets": [
        {
            "name": "train",
            "labels": {"source": "tx"},
            "timestamp": "at",
            "features": ["spend", {"name": "last", "columns": ["kind"]}],
        }
    ],
}
COLUMNS = 'id bigint, first varchar, "last" varchar, merchant_id varchar, "at" timestamp, '
COLUMNS += "amount decimal(10, 2), kind varchar, flag boolean"

PYTHON = """\
import mlforge_sql as mlf

spare = mlf.Entity(name="spare", join_key="merchant_id")

{before}

@mlf.feature(source="tx", entities=["spare"], interval="1h", metrics=[mlf.Rolling(windows={windows}, aggregations={{"amount": {functions}}})])
def coded(df):
    {body}
    return df.select("at", "amount").where({where!r})

{after}
"""
BODIES = [
    "pass",
    "print('hello')",
    "raise ValueError('no')",
    "raise SystemExit(3)",
    "raise SystemExit",
    "raise KeyboardInterrupt",
    "raise GeneratorExit('x')",
    "class E(BaseException): pass\n    raise E('\\x1b[31mred')",
    "class E(Exception):\n        def __str__(self): raise ValueError\n    raise E",
    "class E(Exception):\n        def __str__(self): raise SystemExit\n    raise E",
    "class E(Exception):\n        def __str__(self): return 3\n    raise E",
    "import sys; sys.exit('bye')",
    "exit(1)",
    "def f(n): return f(n + 1)\n    f(0)",
    "import warnings; warnings.warn('careful')",
    "import os; os.environ['FUZZ'] = '1'",
    "return 3",
    "return None",
    "return 'select at, amount from tx'",
    "return 'select at, amount from tx; drop table tx'",
    "return df.select('at', 'amount').limit(3)",
    "return df.nothing()",
    "raise StopIteration",
    "raise MemoryError",
    "raise ExceptionGroup('many', [ValueError('a'), TypeError('b')])",
    "raise UnicodeDecodeError('utf-8', b'x', 0, 1, 'why')",
    "1 / 0",
    "assert False, '\\n\\n'",
    "yield 1",
]
OUTSIDE = [
    *("", "print('x' * 10_000)", "import nothing_of_that_name", "x = 1 / 0", "raise GeneratorExit"),
    *("def", "\t x = 1", "x = '\\ud800'", "mlf.Entity(name='\\ud800', join_key='k')"),
    "mlf.Entity(name=3, join_key=None)",
    "mlf.Entity(name='other', join_key='merchant_id')",
    "mlf.Source('s2', path='data/tx.parquet', timestamp=mlf.Timestamp('at'))",
    "class Odd:\n    def __str__(self): raise ValueError\n    __repr__ = __str__\n\nmlf.Entity(name=Odd(), join_key=Odd())",
    "class Odd:\n    def __eq__(self, other): raise ValueError\n    __hash__ = None\n\nmlf.Source(Odd(), path=Odd())",
    "class Text(str): pass\n\nmlf.Entity(name=Text('texty'), join_key=Text('merchant_id'))",
    "import sys; sys.setrecursionlimit(200)",
    "del mlf.feature_that_is_not_there",
    "for spare.name in 'ab': pass",
    "mlf.Entity(**{'name': 'x', 'join_key': 'merchant_id', 'a\\nb': 1})",
]
TEXTS = [
    *(
        "",
        " ",
        "a",
        "A",
        "order",
        "select",
        "amount",
        "customer",
        "spend",
        "tx",
        "at",
        "id",
        "kind",
    ),
    *("\0", "a\0b", "a\nb", "a\tb", "\x1b[31mred", "\u2028", "\u202e", "é", "名", "🙂", "\ufeff"),
    *("'", '"', "`", "\\", "--", "/*", "*/", "{{ 1 }}", "{% x %}", "{#", "#}", "%s", "${X}", "a'b"),
    *("./x", "/etc/passwd", "~", ".", "..", "a/b", ".git", "con", "https://host.invalid/a.csv"),
    *(
        "x" * 63,
        "x" * 64,
        "x" * 300,
        "x" * 10_000,
        "null",
        "true",
        "1",
        "1d",
        "-1d",
        "0d",
        "99999d",
    ),
    *("lifetime", "count", "sum", "7d", "1h", "*", "a.b", "a.b.c", "main.raw.tx", "@", "&a", "!x"),
    *("2024-01-01", "9999999999999999999d", "data/*.parquet", "data/tx.csv", "data/none.parquet"),
]
EXPRESSIONS = [
    *("amount", "amount + 1", "amount > 0", "kind = 'a'", "flag", "not flag", "at", "lower(kind)"),
    *(
        "amount / 0",
        "1",
        "null",
        "amount in (1, 2)",
        "case when flag then 1 else 0 end",
        "kind || 'x'",
    ),
    *("random()", "now()", "sum(amount)", "count(*) over ()", "(select 1)", "nope", "nope(amount)"),
    *("stem(kind, 'porter')", "st_point(1, 2)", "read_text('/etc/passwd')", "getenv('HOME')"),
    *(
        "amount +",
        "((((amount",
        "'open",
        "1; drop table tx",
        "{{ x }}",
        "$1",
        "?",
        "*",
        "columns(*)",
    ),
    *(
        "cast(kind as integer)",
        "try_cast(kind as integer)",
        "amount::varchar",
        "kind ~ '('",
        "at - at",
    ),
    *(
        "date_trunc('day', at)",
        "extract(year from at)",
        "kind[1]",
        "[amount]",
        "{'a': amount}",
        "\0",
    ),
    *(
        "regexp_matches(kind, '[')",
        "kind similar to 'a|b'",
        "kind like 'a%' escape '\\'",
        "id << 70",
    ),
    *(
        "/* c */ amount",
        "amount -- c",
        '"amount"',
        "AMOUNT",
        "tx.amount",
        "a.b.c.d",
        "λ",
        "x -> x + 1",
    ),
    "(" * 60 + "amount" + ")" * 60,
    " + ".join(["amount"] * 300),
    "(" * 3000 + "amount" + ")" * 3000,
    "case " + " ".join(f"when id = {n} then {n}" for n in range(100)) + " end",
    "concat(" + ", ".join(["kind"] * 200) + ")",
    "lower(" * 120 + "kind" + ")" * 120,
]
NUMBERS = [
    0,
    1,
    -1,
    2**31,
    2**63,
    2**64,
    10**30,
    1 << 20_000,
    0.5,
    float("nan"),
    float("inf"),
    1e308,
]
TAGS = [
    *(
        "!!bool maybe",
        "!!int x",
        "!!int ''",
        "!!float x",
        "!!float ''",
        "!!binary '%'",
        "!!binary YQ==",
    ),
    *("!!set {a, b}", "!!omap [a: 1]", "!!null x", "!!timestamp x", "!!python/object:os.system x"),
    *("!custom x", "!!str 3", "!!seq {a: 1}", "!!map [a]", "0x" + "f" * 5000, "1" * 5000, "1e999"),
    *("-.inf", ".nan", "2024-01-01", "12:30:45", "0b2", "0o9", "1_000", "~", "{}", "[]", "[[[]]]"),
    *("{? [a] : b}", "{a: 1, a: 2}", "{1: 2}", "{null: 3}", "!!bool ''", "!!int 0b", "!!int 1:x"),
]
KEYS = [
    "name",
    "naem",
    "where",
    "delay",
    "ttl",
    "tags",
    "description",
    "boundary",
    "0",
    "a\nb",
    "<<",
]
