"""Write the example's data: a year of card transactions, and labels that say which were fraud.

    python generate_data.py                      # 50000 rows into data/
    python generate_data.py --rows 10000000      # the same story, larger

Everything is drawn inside DuckDB from a hash of (seed, name of the draw, row number). No draw
depends on another row, so the files do not depend on the number of threads: the same flags and
the same DuckDB give the same bytes.

What the data tells:

* Customers are known by first name, last name and date of birth; no column holds an id. Every
  25th customer is a namesake of the one before, born on another day.
* A few customers and merchants see much of the traffic. Days have a rhythm (little at night, a
  peak after work), weeks too, and there is more in December.
* Three in four ordinary purchases are at one of the customer's eight usual merchants. Amounts are
  log-normal per category and per customer.
* One percent is fraud, in bursts of three to eight transactions within minutes: mostly at night,
  without the card, at merchants that opened lately, a tiny amount first and then unusually large
  ones.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import duckdb

# `draw` gives the random bits of one thing, `uniform` reads part 0 to 4 of them as a number in
# (0, 1). md5 rather than hash(): DuckDB may change hash() from one version to the next.
MACROS = """
create macro draw(name, n) as
    md5_number(concat_ws(':', getvariable('seed'), name, n));

create macro uniform(bits, part) as
    (cast((bits >> cast(25 * part as uhugeint)) & cast(33554431 as uhugeint) as double) + 0.5)
    / 33554432;

create macro below(n, u) as
    cast(floor(n * u) as bigint);

create macro pick(words, u) as
    words[1 + below(len(words), u)];

create macro normal(u, v) as
    sqrt(-2 * ln(u)) * cos(2 * pi() * v);
"""

CUSTOMERS = """
create table customers as
with drawn as (
    select
        range as customer,
        draw('spending', range) as spending,
        draw('name', if(range % 25 = 24, range - 1, range)) as name
    from range(getvariable('customers'))
),

named as (
    select
        customer,
        exp(0.4 * normal(uniform(spending, 0), uniform(spending, 1))) as spending,
        pick(
            string_split(
                'Maria James Olivia Noah Emma Liam Ana Ben Chloe David Elena Felix Grace Hugo '
                'Isabel Jack Karen Lucas Mia Nora Omar Paula Quinn Rosa Sam Tara Uma Victor Wei '
                'Ximena Yusuf Zoë José Amélie Søren Aisha Priya Kenji Fatima Ivan Leila Marco '
                'Nadia Oscar Pedro Ravi Sofía Thomas Vera Walter',
                ' '
            ),
            pow(uniform(name, 0), 1.3)
        ) as first_name,
        pick(
            string_split(
                'Smith Johnson Garcia Brown Nguyen Miller Davis Martinez Lee Wilson Patel Kim '
                'Anderson Taylor Moore Jackson Chen Lopez Clark Lewis Young Walker Hall Khan '
                'Wright Silva Green Adams Baker Rivera Campbell Carter Rossi Müller O''Brien '
                'D''Angelo Núñez Kowalski Ivanova Yamamoto Okafor Haddad Larsen Dubois Singh '
                'Cohen Novak Papadopoulos Smith-Jones Østergaard',
                ' '
            ),
            pow(uniform(name, 1), 1.3)
        ) as last_name,
        below(24000, uniform(name, 2)) as born
    from drawn
),

namesakes as (
    select
        *,
        min(born) over same_name as first_born,
        row_number() over (same_name order by customer) as namesake
    from named
    window same_name as (partition by first_name, last_name)
)

-- 7919 shares no factor with 24000, so the dates of birth of namesakes differ
select
    customer,
    spending,
    first_name,
    last_name,
    date '1940-01-01' + cast((first_born + 7919 * namesake) % 24000 as integer)
        as date_of_birth
from namesakes;
"""

# `log_amount` and `spread`: mean and standard deviation of the logarithm of the amount.
# The last 15 percent of the merchants, which are also the least popular, open during the year.
MERCHANTS = """
create table merchants as
with categories as (
    select
        *,
        sum(share) over (order by category) - share as share_from,
        sum(share) over (order by category) as share_to
    from (
        values
            ('coffee', 10, 1.8, 0.4, 0.97, ['Coffee', 'Espresso Bar', 'Café']),
            ('electronics', 5, 5.0, 0.9, 0.50, ['Electronics', 'Computers', 'Audio']),
            ('entertainment', 7, 3.2, 0.6, 0.40, ['Cinema', 'Tickets', 'Streaming']),
            ('fashion', 8, 4.0, 0.7, 0.65, ['Apparel', 'Shoes', 'Outfitters']),
            ('fuel', 10, 3.7, 0.4, 0.98, ['Fuel', 'Gas & Go', 'Service Station']),
            ('grocery', 18, 3.8, 0.7, 0.95, ['Market', 'Grocers', 'Foods']),
            ('health', 6, 3.4, 0.8, 0.85, ['Pharmacy', 'Clinic', 'Dental']),
            ('jewelry', 2, 5.8, 1.0, 0.80, ['Jewelers', 'Watches']),
            ('online_retail', 12, 3.6, 0.9, 0.00, ['Online', 'Direct', 'Outlet']),
            ('restaurant', 14, 3.3, 0.6, 0.96, ['Kitchen', 'Grill', 'Bistro', 'Noodles']),
            ('travel', 4, 5.6, 0.9, 0.15, ['Airways', 'Hotels', 'Car Rental']),
            ('utilities', 4, 4.4, 0.4, 0.00, ['Energy', 'Water', 'Mobile'])
    ) as listed (category, share, log_amount, spread, card_present, trades)
),

drawn as (
    select
        range as merchant,
        draw('merchant', range) as bits
    from range(getvariable('merchants'))
),

named as (
    select
        drawn.merchant,
        drawn.bits,
        categories.category,
        categories.log_amount,
        categories.spread,
        categories.card_present,
        pick(
            string_split(
                'Harbor,Maple,Summit,Blue Door,Sunrise,Golden,Cedar,Riverside,Metro,Liberty,Oak,'
                'Union,Pioneer,Crescent,Silver,Lakeside,Granite,Prairie,Coral,Juniper,Northern,'
                'Copper,Bright,Willow,Eagle,Old Town,Twin Pines,Bella Vista,Mary''s,El Niño',
                ','
            ),
            uniform(drawn.bits, 1)
        ) || ' ' || pick(categories.trades, uniform(drawn.bits, 2)) as name
    from drawn
    inner join categories
        on 100 * uniform(drawn.bits, 0) >= categories.share_from
        and 100 * uniform(drawn.bits, 0) < categories.share_to
),

branches as (
    select
        *,
        row_number() over (partition by name order by merchant) as branch
    from named
)

select
    merchant,
    if(branch = 1, name, name || ' No. ' || branch) as merchant_name,
    category,
    log_amount,
    spread,
    card_present,
    case
        when uniform(bits, 3) < 0.85 then 'US'
        else pick(['CA', 'MX', 'GB', 'DE', 'FR', 'BR', 'JP'], uniform(bits, 4))
    end as country,
    case
        when merchant < getvariable('established') then timestamp '2000-01-01'
        else timestamp '2024-01-15' + to_days(cast(below(300, uniform(bits, 4)) as integer))
    end as opened_at
from branches;
"""

# Lookup tables with as many rows per day, and per hour, as that day or hour has traffic.
CALENDAR = """
create table days as
with weighted as (
    select
        date '2024-01-01' + cast(range as integer) as day,
        cast(
            [10, 9, 9, 10, 13, 14, 11][isodow(day)]
            * if(month(day) = 12, 1.3, 1)
            * (1 + range / 1000)
            as integer
        ) as weight
    from range(366)
)

select
    row_number() over (order by day, copy) - 1 as slot,
    day
from (select day, unnest(range(weight)) as copy from weighted);

create table hours as
with weighted as (
    select
        range as hour,
        [
            10, 6, 4, 3, 3, 6, 15, 35, 50, 50, 50, 55,
            70, 65, 55, 55, 60, 70, 75, 70, 60, 45, 30, 18
        ][range + 1] as weight
    from range(24)
)

select
    row_number() over (order by hour, copy) - 1 as slot,
    hour
from (select hour, unnest(range(weight)) as copy from weighted);

set variable days = (select count(*) from days);

set variable hours = (select count(*) from hours);
"""

ORDINARY = """
create view ordinary as
with drawn as (
    select
        range as number,
        draw('when', range) as bits,
        draw('what', range) as detail
    from range(getvariable('rows') - getvariable('frauds'))
),

placed as (
    select
        number,
        detail,
        below(getvariable('customers'), pow(uniform(bits, 0), 1.7)) as customer,
        below(getvariable('days'), uniform(bits, 1)) as day_slot,
        below(getvariable('hours'), uniform(bits, 2)) as hour_slot,
        below(3600, uniform(bits, 3)) as second,
        uniform(bits, 4) as choice
    from drawn
),

timed as (
    select
        placed.*,
        days.day + to_hours(hours.hour) + to_seconds(placed.second) as happened_at
    from placed
    inner join days on placed.day_slot = days.slot
    inner join hours on placed.hour_slot = hours.slot
)

select
    number,
    happened_at,
    customer,
    below(
        getvariable('merchants'),
        -- the first three quarters of `choice` are split over eight usual merchants
        case
            when choice < 0.75
                then pow(uniform(draw('usual', customer * 8 + below(8, choice / 0.75)), 0), 1.5)
            else pow(uniform(detail, 0), 1.5)
        end
    ) as merchant,
    normal(uniform(detail, 1), uniform(detail, 2)) as deviation,
    uniform(detail, 3) as card,
    null as burst_position
from timed;
"""

FRAUD = """
create view fraud as
with bursts as (
    select
        range as burst,
        draw('burst', range) as bits
    from range(getvariable('frauds'))
),

-- three bursts in four begin before five in the morning; none so late that it outlasts the day
started as (
    select
        burst,
        below(getvariable('customers'), uniform(bits, 0)) as customer,
        timestamp '2024-01-01'
        + to_days(cast(below(366, uniform(bits, 1)) as integer))
        + to_seconds(
            if(
                uniform(bits, 2) < 0.75,
                below(18000, uniform(bits, 2) / 0.75),
                18000 + below(67200, (uniform(bits, 2) - 0.75) / 0.25)
            )
        ) as started_at,
        20 + below(120, uniform(bits, 3)) as pace,
        3 + below(6, uniform(bits, 4)) as size
    from bursts
    where burst * 3 < getvariable('frauds')
),

members as (
    select
        *,
        unnest(range(size)) as position
    from started
),

numbered as (
    select
        *,
        row_number() over (order by burst, position) - 1 as place
    from members
    qualify place < getvariable('frauds')
),

drawn as (
    select
        *,
        draw('fraud', place) as bits,
        -- a burst moves on to the next merchant after three transactions
        draw('target', burst * 8 + position // 3) as target
    from numbered
)

select
    getvariable('rows') - getvariable('frauds') + place as number,
    started_at + to_seconds(position * pace + below(15, uniform(bits, 0))) as happened_at,
    customer,
    case
        when uniform(target, 0) < 0.7 and getvariable('established') < getvariable('merchants')
            then getvariable('established') + below(
                getvariable('merchants') - getvariable('established'), uniform(target, 1)
            )
        else below(getvariable('merchants'), uniform(target, 1))
    end as merchant,
    normal(uniform(bits, 1), uniform(bits, 2)) as deviation,
    uniform(bits, 3) as card,
    position as burst_position
from drawn;
"""

# Multiplying by a number that shares no factor with 10^10 gives ids that are unique and scattered.
TRANSACTIONS = """
with everything as (
    select * from ordinary
    union all
    select * from fraud
),

-- a merchant that is not open yet gives way to an established one
opened as (
    select
        everything.*,
        if(
            everything.happened_at < merchants.opened_at,
            everything.merchant // 2,
            everything.merchant
        ) as open_merchant
    from everything
    inner join merchants on everything.merchant = merchants.merchant
)

select
    'T' || lpad(
        cast((opened.number * 6180339887 + getvariable('first_id')) % 10000000000 as varchar),
        10,
        '0'
    ) as transaction_id,
    strftime(opened.happened_at, '%Y-%m-%d %H:%M:%S') as transaction_time,
    customers.first_name,
    customers.last_name,
    customers.date_of_birth,
    merchants.merchant_name,
    merchants.category as merchant_category,
    merchants.country as merchant_country,
    case
        when opened.burst_position = 0 then round(0.5 + 2.5 * opened.card, 2)
        else round(
            greatest(
                0.5,
                least(
                    50000,
                    customers.spending * exp(
                        merchants.log_amount
                        + merchants.spread * opened.deviation
                        + if(opened.burst_position is null, 0, 1.5)
                    )
                )
            ),
            2
        )
    end as amount,
    opened.card < merchants.card_present * if(opened.burst_position is null, 1, 0.2)
        as is_card_present,
    opened.burst_position is not null as is_fraud
from opened
inner join customers on opened.customer = customers.customer
inner join merchants on opened.open_merchant = merchants.merchant
order by transaction_time, transaction_id
"""

# One transaction in five, labelled at its own time: features must not see the transaction itself.
LABELS = """
select
    transaction_id,
    first_name,
    last_name,
    date_of_birth,
    merchant_name,
    strptime(transaction_time, '%Y-%m-%d %H:%M:%S') as label_time,
    is_fraud
from transactions
where uniform(draw('label', transaction_id), 0) < 0.2
order by label_time, transaction_id
"""


def connect(workspace: Path, variables: dict[str, int]) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB with the customers, the merchants and the views of their transactions."""
    import duckdb

    connection = duckdb.connect(config={"temp_directory": str(workspace / "spill")})
    for name, value in variables.items():
        connection.execute(f"set variable {name} = {value}")
    for script in (MACROS, CUSTOMERS, MERCHANTS, CALENDAR, ORDINARY, FRAUD):
        connection.execute(script)
    return connection


def write(out: Path, variables: dict[str, int]) -> dict[str, tuple[int, int]]:
    """Write both files, replacing old ones only when both are complete.

    Returns:
        File name -> (rows, rows that are fraud).
    """
    out.mkdir(parents=True, exist_ok=True)
    written = {}
    with tempfile.TemporaryDirectory(prefix=".generate-", dir=out) as name:
        workspace = Path(name)
        with connect(workspace, variables) as connection:
            for table, query in (("transactions", TRANSACTIONS), ("labels", LABELS)):
                file = workspace / f"{table}.parquet"
                connection.sql(query).write_parquet(str(file), compression="zstd")
                connection.read_parquet(str(file)).create_view(table)
                counts = f"select count(*), count(*) filter (where is_fraud) from {table}"
                written[file.name] = connection.execute(counts).fetchall()[0]
        for file_name in written:
            (workspace / file_name).replace(out / file_name)
    return written


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--rows", type=click.IntRange(0, 1_000_000_000), default=50_000, help="Transactions.")
@click.option("--customers", type=click.IntRange(1, 1_000_000), default=1_000, help="Customers.")
@click.option("--merchants", type=click.IntRange(1, 1_000_000), default=200, help="Merchants.")
@click.option("--seed", type=int, default=42, help="Another seed, other data.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(__file__).parent / "data",
    show_default="data/ beside this script",
    help="Folder to write to.",
)
def main(rows: int, customers: int, merchants: int, seed: int, out: Path) -> None:
    """Write transactions.parquet and labels.parquet, a year of card payments with fraud."""
    import duckdb

    variables = {
        "rows": rows,
        "customers": customers,
        "merchants": merchants,
        "seed": seed,
        "frauds": rows // 100,
        "established": merchants - merchants * 15 // 100,
        "first_id": seed % 10_000_000_000,
    }
    started = time.perf_counter()
    try:
        written = write(out, variables)
    except (OSError, duckdb.Error) as error:
        raise click.ClickException(f"cannot write to {out}: {error}") from error
    for name, (count, frauds) in written.items():
        share = frauds / max(count, 1)
        click.echo(f"{out / name}: {count:,} rows, {share:.2%} fraud", err=True)
    click.echo(f"{time.perf_counter() - started:.1f} seconds", err=True)


if __name__ == "__main__":
    main()
