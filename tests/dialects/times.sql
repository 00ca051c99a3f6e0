# Dates, timestamps and lengths of time. Weeks start on Monday.

# parts
year(t)
    cast(year(t) as bigint)
quarter(t)
    cast(quarter(t) as bigint)
month(t)
    cast(month(t) as bigint)
week(t)
    cast(weekofyear(t) as bigint)
weekofyear(t)
    cast(weekofyear(t) as bigint)
day(t)
    cast(day(t) as bigint)
dayofweek(t)
    cast(dayofweek(t) - 1 as bigint)
isodow(t)
    cast(weekday(t) + 1 as bigint)
dayofyear(t)
    cast(dayofyear(t) as bigint)
hour(t)
    cast(hour(t) as bigint)
minute(t)
    cast(minute(t) as bigint)
second(t)
    cast(second(t) as bigint)
isoyear(t)
    cast(extract(yearofweek from t) as bigint)
year(day)
    cast(year(day) as bigint)
quarter(day)
    cast(quarter(day) as bigint)
month(day)
    cast(month(day) as bigint)
week(day)
    cast(weekofyear(day) as bigint)
day(day)
    cast(day(day) as bigint)
dayofweek(day)
    cast(dayofweek(day) - 1 as bigint)
isodow(day)
    cast(weekday(day) + 1 as bigint)
dayofyear(day)
    cast(dayofyear(day) as bigint)
isoyear(day)
    cast(extract(yearofweek from day) as bigint)
hour(day)
    ! `day` has no exact form on Databricks: it is date, not a timestamp; write `cast(... as timestamp)` around it
extract(year from t)
    cast(year(t) as bigint)
extract(dow from t)
    cast(dayofweek(t) - 1 as bigint)
extract(isodow from day)
    cast(weekday(day) + 1 as bigint)
extract(doy from t)
    cast(dayofyear(t) as bigint)
extract(hour from t)
    cast(hour(t) as bigint)
extract(epoch from t)
    unix_micros(cast(t as timestamp)) / 1000000
extract(epoch from day)
    unix_date(day) * 86400e0
extract(week from t)
    cast(weekofyear(t) as bigint)
extract(century from t)
    ! `EXTRACT(CENTURY FROM t)` has no exact form on Databricks: `century` is no part that both engines have; use one of: day, dow, doy, epoch, hour, isodow, isoyear, minute, month, quarter, second, week, year
extract(millisecond from t)
    ! `EXTRACT(MILLISECOND FROM t)` has no exact form on Databricks: `millisecond` is no part that both engines have; use one of: day, dow, doy, epoch, hour, isodow, isoyear, minute, month, quarter, second, week, year
date_part('year', t)
    cast(year(t) as bigint)
date_part('hour', t)
    cast(hour(t) as bigint)
date_part('dow', day)
    cast(dayofweek(day) - 1 as bigint)
date_part('epoch', t)
    unix_micros(cast(t as timestamp)) / 1000000
date_part('decade', t)
    ! `date_part('decade', t)` has no exact form on Databricks: `decade` is no part that both engines have; use one of: day, dow, doy, epoch, hour, isodow, isoyear, minute, month, quarter, second, week, year
date_part(s, t)
    ! `date_part(s, t)` has no exact form on Databricks: the part is not a literal; write its name in quotes
extract(dow from t) in (0, 6)
    dayofweek(t) - 1 in (0, 6)
hour(t) between 9 and 17
    hour(t) between 9 and 17
dayofweek(t) * 24 + hour(t)
    cast(dayofweek(t) - 1 as bigint) * 24 + hour(t)
-dayofweek(t)
    cast(-( dayofweek(t) - 1 ) as bigint)
year(s)
    ! `s` has no exact form on Databricks: it is text, not a date or timestamp; compute it in a dbt model and name that as `model:`

# instants and numbers
epoch(t)
    unix_micros(cast(t as timestamp)) / 1000000
epoch(day)
    unix_date(day) * 86400e0
epoch_ms(t)
    round(unix_micros(cast(t as timestamp)), -3) div 1000
epoch_us(t)
    unix_micros(cast(t as timestamp))
epoch_us(day)
    ! `day` has no exact form on Databricks: it is date, not a timestamp; write `cast(... as timestamp)` around it
epoch_ns(t)
    ! `epoch_ns(t)` has no exact form on Databricks: `epoch_ns()` is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
make_timestamp(i64)
    timestamp_micros(i64)
epoch_ms(i64)
    timestamp_millis(i64)
to_timestamp(i32)
    ! `to_timestamp(i32)` has no exact form on Databricks: it is not a plain timestamp of a whole number; write `make_timestamp(...)` of microseconds since 1970
to_timestamp(f64)
    ! `to_timestamp(f64)` has no exact form on Databricks: it is not a plain timestamp of a whole number; write `make_timestamp(...)` of microseconds since 1970

# truncation
date_trunc('microsecond', t)
    date_trunc('microsecond', t)
date_trunc('millisecond', t)
    date_trunc('millisecond', t)
date_trunc('second', t)
    date_trunc('second', t)
date_trunc('minute', t)
    date_trunc('minute', t)
date_trunc('hour', t)
    date_trunc('hour', t)
date_trunc('day', t)
    date_trunc('day', t)
date_trunc('week', t)
    date_trunc('week', t)
date_trunc('month', t)
    date_trunc('month', t)
date_trunc('quarter', t)
    date_trunc('quarter', t)
date_trunc('year', t)
    date_trunc('year', t)
date_trunc('day', day)
    date_trunc('day', day)
date_trunc('week', day)
    date_trunc('week', day)
date_trunc('month', day)
    date_trunc('month', day)
date_trunc('days', t)
    date_trunc('day', t)
date_trunc('decade', t)
    ! `date_trunc('DECADE', t)` has no exact form on Databricks: `decade` is not cut off there; use one of: day, hour, microsecond, millisecond, minute, month, quarter, second, week, year
date_trunc('century', t)
    ! `date_trunc('CENTURY', t)` has no exact form on Databricks: `century` is not cut off there; use one of: day, hour, microsecond, millisecond, minute, month, quarter, second, week, year
last_day(day)
    last_day(day)
last_day(t)
    last_day(t)
time_bucket(interval 1 day, t)
    ! `time_bucket(INTERVAL '1' DAY, t)` has no exact form on Databricks: `time_bucket()` is not among what both engines compute alike; compute it in a dbt model and name that as `model:`

# arithmetic
t + interval 1 day
    t + interval '1' day
t - interval 90 minutes
    t - interval '90' minute
t + interval '1 hour'
    t + interval '1' hour
t + interval '1' hour
    t + interval '1' hour
t - interval 1 week
    t - interval '7' day
t + interval 5 seconds
    t + interval '5' second
t + interval 250 milliseconds
    t + interval '250000' microsecond
t - interval 7 microseconds
    t - interval '7' microsecond
t + interval -3 days
    t + interval '-3' day
t + interval 1 month
    t + interval '1' month
t - interval 1 quarter
    t - interval '3' month
t + interval 1 year
    t + interval '1' year
interval 1 day + t
    t + interval '1' day
day + interval 1 day
    cast(day as timestamp) + interval '1' day
day - interval 1 month
    cast(day as timestamp) - interval '1' month
day + 1
    day + 1
day - 7
    day - 7
day + i322
    day + i322
1 + day
    day + 1
day + i642
    ! `day + i642` has no exact form on Databricks: the number of days is bigint; cast it to integer
day - day2
    cast(datediff(day, day2) as bigint)
t - t2
    ! `t - t2` has no exact form on Databricks: a length of time is no value there; write `epoch(a - b)` for seconds, or `date_diff('day', b, a)`
day - t2
    ! `day - t2` has no exact form on Databricks: a length of time is no value there; write `epoch(a - b)` for seconds, or `date_diff('day', b, a)`
epoch(t - t2)
    timestampdiff(microsecond, t2, t) / 1000000
epoch(t - day2)
    timestampdiff(microsecond, day2, t) / 1000000
extract(epoch from (t - t2))
    timestampdiff(microsecond, t2, t) / 1000000
epoch(t - t2) / 3600
    timestampdiff(microsecond, t2, t) / 1000000 / 3600
epoch(day - day2)
    ! `day - day2` has no exact form on Databricks: it is bigint, not a date or timestamp; compute it in a dbt model and name that as `model:`
t - t2 > interval 1 day
    timestampdiff(microsecond, t2, t) > 86400000000
t - t2 <= interval 36 hours
    timestampdiff(microsecond, t2, t) <= 129600000000
t - t2 > interval 1 month
    ! `t - t2 > INTERVAL '1' MONTH` has no exact form on Databricks: months differ in length; write days
t - interval 1 day > t2
    t - interval '1' day > t2
t + interval '1 day 2 hours'
    ! `INTERVAL '1 day 2 hours'` has no exact form on Databricks: it is not one whole number of one unit; write one number and one unit, such as `interval 90 minutes`, and add several
t + interval (i32) day
    ! `INTERVAL (i32) DAY` has no exact form on Databricks: it is not one whole number of one unit; write one number and one unit, such as `interval 90 minutes`, and add several
t + i32 * interval 1 day
    ! `i32 * INTERVAL '1' DAY` has no exact form on Databricks: it is interval; compute it in a dbt model and name that as `model:`
to_days(i32) + t
    ! `to_days(i32)` has no exact form on Databricks: it is interval; compute it in a dbt model and name that as `model:`
interval 1 day
    ! `INTERVAL '1' DAY` has no exact form on Databricks: it is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
date_add(t, interval 1 day)
    t + interval '1' day
age(t, t2)
    ! `age(t, t2)` has no exact form on Databricks: `age()` is not among what both engines compute alike; compute it in a dbt model and name that as `model:`

# differences
date_diff('microsecond', t, t2)
    timestampdiff(microsecond, t, t2)
date_diff('millisecond', t, t2)
    timestampdiff(millisecond, date_trunc('millisecond', t), date_trunc('millisecond', t2))
date_diff('second', t, t2)
    timestampdiff(second, date_trunc('second', t), date_trunc('second', t2))
date_diff('minute', t, t2)
    timestampdiff(minute, date_trunc('minute', t), date_trunc('minute', t2))
date_diff('hour', t, t2)
    timestampdiff(hour, date_trunc('hour', t), date_trunc('hour', t2))
date_diff('day', t, t2)
    cast(datediff(t2, t) as bigint)
date_diff('week', t, t2)
    datediff(t2, t) div 7
date_diff('month', t, t2)
    timestampdiff(month, date_trunc('month', t), date_trunc('month', t2))
date_diff('quarter', t, t2)
    timestampdiff(quarter, date_trunc('quarter', t), date_trunc('quarter', t2))
date_diff('year', t, t2)
    timestampdiff(year, date_trunc('year', t), date_trunc('year', t2))
datediff('day', day, day2)
    cast(datediff(day2, day) as bigint)
date_diff('week', day, day2)
    datediff(day2, day) div 7
date_diff('month', day, day2)
    timestampdiff(month, date_trunc('month', day), date_trunc('month', day2))
date_diff('year', day, day2)
    timestampdiff(year, date_trunc('year', day), date_trunc('year', day2))
date_diff('day', t, day2)
    cast(datediff(day2, t) as bigint)
date_diff('day', day, t2)
    cast(datediff(t2, day) as bigint)
date_diff('decade', t, t2)
    ! `date_diff('DECADE', t, t2)` has no exact form on Databricks: `decade` is not a unit that both engines have; use one of: day, hour, microsecond, millisecond, minute, month, quarter, second, week, year
date_diff('day', t, t2) > 30
    datediff(t2, t) > 30
date_sub('microsecond', t, t2)
    timestampdiff(microsecond, t, t2)
date_sub('second', t, t2)
    timestampdiff(second, t, t2)
date_sub('minute', t, t2)
    timestampdiff(minute, t, t2)
date_sub('hour', t, t2)
    timestampdiff(hour, t, t2)
date_sub('day', t, t2)
    timestampdiff(day, t, t2)
date_sub('week', t, t2)
    timestampdiff(week, t, t2)
date_sub('month', t, t2)
    ! `date_sub('month', t, t2)` has no exact form on Databricks: ends of months count differently; use `date_diff`, or days

# what there is no rule for
dayname(t)
    ! `dayname(t)` has no exact form on Databricks: `dayname()` is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
monthname(t)
    ! `monthname(t)` has no exact form on Databricks: `monthname()` is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
current_setting('TimeZone') = s
    ! `current_setting('TimeZone')` has no exact form on Databricks: `current_setting()` is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
make_date(2024, 1, 2)
    ! `make_date(2024, 1, 2)` has no exact form on Databricks: `make_date()` is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
