# Casts: DuckDB rounds where Databricks cuts off.

# to whole numbers
i64::integer
    cast(i64 as int)
i8::bigint
    cast(i8 as bigint)
i32::tinyint
    cast(i32 as tinyint)
f64::integer
    cast(rint(f64) as int)
f64::bigint
    cast(rint(f64) as bigint)
f64::tinyint
    cast(rint(f64) as tinyint)
f32::bigint
    cast(rint(f32) as bigint)
d::integer
    cast(round(d) as int)
d4::bigint
    cast(round(d4) as bigint)
d38::bigint
    cast(round(d38) as bigint)
d38::integer
    cast(round(d38) as int)
b::integer
    cast(b as int)
b::bigint
    cast(b as bigint)
s::integer
    ! `CAST(s AS INT)` has no exact form on Databricks: text becomes integer in another way there; cast it in a dbt model and declare the type of its column
'5'::integer
    ! `CAST('5' AS INT)` has no exact form on Databricks: text is read as integer in another way; write the literal itself
cast(null as integer)
    cast(null as int)
day::integer
    ! `CAST(day AS INT)` has no exact form on Databricks: date becomes integer in another way there; cast it in a dbt model and declare the type of its column
t::bigint
    ! `CAST(t AS BIGINT)` has no exact form on Databricks: timestamp becomes bigint in another way there; cast it in a dbt model and declare the type of its column
try_cast(f64 as integer)
    try_cast(rint(f64) as int)
try_cast(i64 as integer)
    try_cast(i64 as int)
try_cast(d38 as bigint)
    try_cast(round(d38) as bigint)
try_cast(s as integer)
    ! `TRY_CAST(s AS INT)` has no exact form on Databricks: text becomes integer in another way there; cast it in a dbt model and declare the type of its column
i32::hugeint
    ! `CAST(i32 AS INT128)` has no exact form on Databricks: it is hugeint; write `cast(... as bigint)` around it
i32::utinyint
    ! `CAST(i32 AS UTINYINT)` has no exact form on Databricks: Databricks has no type without negative numbers; cast to a type that has negative numbers too

# to floats
i64::double
    cast(i64 as double)
i64::float
    cast(i64 as float)
d::double
    cast(d as double)
d38::double
    cast(d38 as double)
d4::float
    cast(d4 as float)
f32::double
    cast(f32 as double)
f64::float
    ! `CAST(f64 AS REAL)` has no exact form on Databricks: what is too large becomes infinite there; leave it a double
b::double
    cast(b as double)
s::double
    ! `CAST(s AS DOUBLE)` has no exact form on Databricks: text becomes double in another way there; cast it in a dbt model and declare the type of its column

# to decimals
i32::decimal(12, 2)
    cast(i32 as decimal(12, 2))
i64::decimal(10, 2)
    cast(i64 as decimal(10, 2))
d::decimal(38, 10)
    cast(d as decimal(38, 10))
d::decimal(5, 1)
    cast(d as decimal(5, 1))
d4::decimal(18, 2)
    cast(d4 as decimal(18, 2))
d38::decimal(18, 2)
    cast(d38 as decimal(18, 2))
b::decimal(3, 1)
    cast(b as decimal(3, 1))
f64::decimal(10, 2)
    ! `CAST(f64 AS DECIMAL(10, 2))` has no exact form on Databricks: binary fractions are rounded in another way; round it in a dbt model, or leave it a double
f32::decimal(10, 2)
    ! `CAST(f32 AS DECIMAL(10, 2))` has no exact form on Databricks: binary fractions are rounded in another way; round it in a dbt model, or leave it a double
s::decimal(10, 2)
    ! `CAST(s AS DECIMAL(10, 2))` has no exact form on Databricks: text becomes decimal(10, 2) in another way there; cast it in a dbt model and declare the type of its column

# to true and false
i32::boolean
    cast(i32 as boolean)
f64::boolean
    cast(f64 as boolean)
d::boolean
    cast(d as boolean)
s::boolean
    ! `CAST(s AS BOOLEAN)` has no exact form on Databricks: text becomes boolean in another way there; cast it in a dbt model and declare the type of its column

# to text
i32::varchar
    cast(i32 as string)
i64::varchar
    cast(i64 as string)
i8::varchar
    cast(i8 as string)
b::varchar
    cast(b as string)
d::varchar
    cast(d as string)
d4::varchar
    cast(d4 as string)
d38::varchar
    cast(d38 as string)
day::varchar
    cast(day as string)
t::varchar
    cast(t as string)
s::varchar
    s
f64::varchar
    ! `CAST(f64 AS TEXT)` has no exact form on Databricks: double becomes text in another way there; cast it in a dbt model and declare the type of its column
f32::varchar
    ! `CAST(f32 AS TEXT)` has no exact form on Databricks: float becomes text in another way there; cast it in a dbt model and declare the type of its column
(d::decimal(2, 2))::varchar
    ! `CAST((CAST(d AS DECIMAL(2, 2))) AS TEXT)` has no exact form on Databricks: DuckDB leaves out the zero in front of its point; widen the decimal
(i32 + 1)::varchar
    cast(i32 + 1 as string)
length(s)::varchar
    cast(char_length(s) as string)

# to dates and timestamps
t::date
    cast(t as date)
day::timestamp
    cast(day as timestamp)
t::timestamp
    t
day::date
    day
s::date
    ! `CAST(s AS DATE)` has no exact form on Databricks: text becomes date in another way there; cast it in a dbt model and declare the type of its column
s::timestamp
    ! `CAST(s AS TIMESTAMP)` has no exact form on Databricks: text becomes timestamp in another way there; cast it in a dbt model and declare the type of its column
'2024-02-29'::date
    cast('2024-02-29' as date)
'2024-02-29 12:00'::timestamp
    cast('2024-02-29 12:00:00+00:00' as timestamp)
'yesterday'::date
    ! `'yesterday'` has no exact form on Databricks: as a date it is not plain; write it as '2024-01-31'
t::timestamptz
    ! `CAST(t AS TIMESTAMPTZ)` has no exact form on Databricks: timestamp becomes timestamp_tz in another way there; cast it in a dbt model and declare the type of its column
i32::timestamp
    ! `CAST(i32 AS TIMESTAMP)` has no exact form on Databricks: integer becomes timestamp in another way there; cast it in a dbt model and declare the type of its column
t::time
    ! `CAST(t AS TIME)` has no exact form on Databricks: it is time; compute it in a dbt model and name that as `model:`
