# Columns, literals, logic, comparison and choice.

# literals
1
    1
-1
    -1
3000000000
    3000000000
0.50
    cast(0.50 as decimal(3, 2))
-0.5
    cast(-0.5 as decimal(2, 1))
1e3
    1e3
9223372036854775808
    ! `9223372036854775808` has no exact form on Databricks: it is hugeint; write `cast(... as bigint)` around it
123456789012345678901234567890123456789.5
    ! `123456789012345678901234567890123456789.5` has no exact form on Databricks: it has too many digits; write fewer digits
'plain'
    'plain'
'it''s'
    'it\'s'
'a\b'
    'a\\b'
'{{ not_jinja }} {% if %}'
    '{{ not_jinja }} {% if %}'
'"double" `tick`'
    '"double" `tick`'
'日本 😀'
    '日本 😀'
true
    true
false
    false
null
    null
date '2024-02-29'
    cast('2024-02-29' as date)
timestamp '2024-02-29 12:34:56.5'
    cast('2024-02-29 12:34:56.5+00:00' as timestamp)
timestamp '2024-02-29'
    cast('2024-02-29 00:00:00+00:00' as timestamp)
date '2024-2-9'
    ! `'2024-2-9'` has no exact form on Databricks: as a date it is not plain; write it as '2024-01-31'
timestamp 'epoch'
    ! `'epoch'` has no exact form on Databricks: as a timestamp it is not plain; write it as '2024-01-31 12:00:00'
time '10:00'
    ! `CAST('10:00' AS TIME)` has no exact form on Databricks: it is time; compute it in a dbt model and name that as `model:`
[1, 2]
    ! `[1, 2]` has no exact form on Databricks: `[1, 2]()` is not among what both engines compute alike; compute it in a dbt model and name that as `model:`

# columns
b
    b
i8
    i8
i64
    i64
f32
    f32
f64
    f64
d
    d
s
    s
day
    day
t
    t
(i32)
    ( i32 )
((i32))
    ( i32 )

# logic
b and b2
    b and b2
b or b2
    b or b2
not b
    not b
not (b and b2)
    not ( b and b2 )
b and b2 or not b
    b and b2 or not b
b and (b2 or not b)
    b and ( b2 or not b )
b is true
    b is true
b is not false
    not b is false
b is null
    b is null
i32 and b
    ! `i32` has no exact form on Databricks: it is integer, not true or false; write a comparison

# comparison
i32 = i322
    i32 = i322
i32 == i322
    i32 = i322
i32 <> i322
    i32 <> i322
i32 != i322
    i32 <> i322
i64 < i642
    i64 < i642
i8 <= i322
    i8 <= i322
f64 = f642
    f64 = f642
f64 <> f642
    f64 <> f642
f64 < f642
    f64 < f642
f64 <= f642
    f64 <= f642
f64 > f642
    f64 > f642
f64 >= f642
    f64 >= f642
f32 = f322
    f32 = f322
f32 < f642
    f32 < f642
f32 > 0.1
    f32 > cast(0.1 as float)
f32 > i322
    f32 > cast(i322 as float)
f64 > 0.1
    f64 > 0.1
f64 > i642
    f64 > i642
i64 = f642
    i64 = f642
i64 < d2
    i64 < d2
d < d42
    d < d42
d > 0.5
    d > 0.5
d > 1
    d > 1
d = f642
    d = f642
d4 = f642
    ! `d4 = f642` has no exact form on Databricks: a decimal of so many digits is another double there; cast both sides to one type
d4 > f322
    ! `d4 > f322` has no exact form on Databricks: it compares a float with a decimal; cast both to double
d38 = d382
    d38 = d382
d38 > d2
    d38 > d2
d38 > i642
    d38 > i642
s = s2
    s = s2
s < s2
    s < s2
s > 'a'
    s > 'a'
b = b2
    b = b2
b < b2
    b < b2
b = true
    b = true
day = day2
    day = day2
day < t2
    day < t2
t < t2
    t < t2
t >= t2
    t >= t2
t > '2024-02-29'
    t > cast('2024-02-29 00:00:00+00:00' as timestamp)
t > '2024-02-29 12:34:56.789012'
    t > cast('2024-02-29 12:34:56.789012+00:00' as timestamp)
t > '2024-02-29T12:34:56'
    t > cast('2024-02-29 12:34:56+00:00' as timestamp)
day = '2024-02-29'
    day = cast('2024-02-29' as date)
day > '2024-13-01'
    ! `'2024-13-01'` has no exact form on Databricks: as a date it is not plain; write it as '2024-01-31'
t > '29.02.2024'
    ! `'29.02.2024'` has no exact form on Databricks: as a timestamp it is not plain; write it as '2024-01-31 12:00:00'
t > date '2024-02-29'
    t > cast('2024-02-29' as date)
i32 = '5'
    ! `i32 = '5'` has no exact form on Databricks: it compares integer and text; cast one side, or write its literal as it is
s = 5
    ! `s = 5` has no exact form on Databricks: it compares text and integer; cast one side, or write its literal as it is
b = 1
    ! `b = 1` has no exact form on Databricks: it compares boolean and integer; cast one side, or write its literal as it is
i32 = null
    i32 = null
i32 + 1 > i322 * 2
    i32 + 1 > i322 * 2
(i32 > 1) = b
    ( i32 > 1 ) = b
i32 is distinct from i322
    i32 is distinct from i322
f64 is distinct from f642
    f64 is distinct from f642
s is not distinct from s2
    s is not distinct from s2
d is distinct from null
    d is distinct from null

# null
i32 is null
    i32 is null
i32 is not null
    i32 is not null
i32 + 1 is null
    i32 + 1 is null
not i32 is null
    i32 is not null

# in, between
i32 in (1, 2, 3)
    i32 in (1, 2, 3)
i32 not in (1, 2)
    not i32 in (1, 2)
i32 in (1, null)
    i32 in (1, null)
i32 not in (1, null)
    not i32 in (1, null)
i32 in (1, 2.5)
    i32 in (1, 2.5)
f64 in (1, 2.5)
    f64 in (cast(1 as double), cast(2.5 as double))
f32 in (0.5, 1.5)
    f32 in (cast(0.5 as float), cast(1.5 as float))
d in (0.5, 1, 3.33)
    d in (0.5, 1, 3.33)
s in ('a', 'it''s', 'a\b')
    s in ('a', 'it\'s', 'a\\b')
s in ('a')
    s in ('a')
s not in ('a', null)
    not s in ('a', null)
t in ('2024-02-29', '1970-01-01')
    t in ( cast('2024-02-29 00:00:00+00:00' as timestamp), cast('1970-01-01 00:00:00+00:00' as timestamp) )
day in (date '2024-02-29', '1970-01-01')
    day in (cast('2024-02-29' as date), cast('1970-01-01' as date))
i32 in (i322, 7)
    i32 in (i322, 7)
i32 in ('1')
    ! `i32 IN ('1')` has no exact form on Databricks: it compares integer and text; cast one side, or write its literal as it is
i32 between 1 and 7
    i32 between 1 and 7
i32 not between 1 and 7
    not i32 between 1 and 7
i32 between i322 and 100
    i32 between i322 and 100
f64 between f642 and 3
    f64 between f642 and cast(3 as double)
i64 between f642 and 3
    cast(i64 as double) between f642 and cast(3 as double)
d between 0.5 and 3
    d between 0.5 and 3
s between 'A' and 'b'
    s between 'A' and 'b'
t between '2020-01-01' and '2024-12-31'
    t between cast('2020-01-01 00:00:00+00:00' as timestamp) and cast('2024-12-31 00:00:00+00:00' as timestamp)
day between '2020-01-01' and '2024-12-31'
    day between cast('2020-01-01' as date) and cast('2024-12-31' as date)

# case and its like
case when b then 1 end
    case when b then 1 end
case when b then 1 else 2 end
    case when b then 1 else 2 end
case when i32 > 1 then 'big' when i32 is null then 'none' else 'small' end
    case when i32 > 1 then 'big' when i32 is null then 'none' else 'small' end
case i32 when 1 then 'a' when null then 'b' else 'c' end
    case i32 when 1 then 'a' when null then 'b' else 'c' end
case s when 'a' then 1.5 else 2 end
    case s when 'a' then 1.5 else 2 end
case when b then i32 else i642 end
    case when b then i32 else i642 end
case when b then d else 0 end
    case when b then d else 0 end
case when b then f64 else i32 end
    case when b then f64 else i32 end
case when b then null else i32 end
    case when b then null else i32 end
case when b then day else t end
    case when b then cast(day as timestamp) else t end
case when i32 then 1 end
    ! `i32` has no exact form on Databricks: it is integer, not true or false; write a comparison
case when b then 'a' else 1 end
    ! `CASE WHEN b THEN 'a' ELSE 1 END` has no exact form on Databricks: it mixes text and integer; cast them to one type, and write literals as they are
if(b, i32, 0)
    case when b then i32 else 0 end
coalesce(i32, 0)
    coalesce(i32, 0)
coalesce(i32, i642, 5)
    coalesce(i32, i642, 5)
coalesce(d, 0)
    coalesce(d, 0)
coalesce(d, d42)
    coalesce(d, d42)
coalesce(f64, 0)
    coalesce(f64, 0)
coalesce(f32, 0)
    coalesce(f32, cast(0 as float))
coalesce(f32, f642)
    coalesce(f32, f642)
coalesce(s, 'none')
    coalesce(s, 'none')
coalesce(t, '2024-01-01')
    coalesce(t, cast('2024-01-01 00:00:00+00:00' as timestamp))
coalesce(day, date '2024-01-01')
    coalesce(day, cast('2024-01-01' as date))
coalesce(i32, d2, f642)
    coalesce(i32, d2, f642)
ifnull(i32, 5)
    coalesce(i32, 5)
nvl(s, '')
    coalesce(s, '')
nullif(i32, i322)
    nullif(i32, i322)
nullif(i32, 0)
    nullif(i32, 0)
nullif(f64, f642)
    nullif(f64, f642)
nullif(s, '')
    nullif(s, '')
nullif(d, 0)
    nullif(d, 0)
nullif(i32, f642)
    nullif(i32, f642)
greatest(i32, i322)
    greatest(i32, i322)
greatest(i32, i642, 5)
    greatest(i32, i642, 5)
greatest(f64, f642)
    greatest(f64, f642)
least(f64, f642)
    least(f64, f642)
greatest(f64, 0)
    greatest(f64, 0)
greatest(d, 0)
    greatest(d, 0)
least(s, s2)
    least(s, s2)
greatest(t, t2)
    greatest(t, t2)
least(day, day2)
    least(day, day2)
greatest(b, b2)
    ! `greatest(b, b2)` has no exact form on Databricks: there is no greatest of true and false; use `and` and `or`
greatest(i32)
    i32

# what there is no rule for
hash(s)
    ! `hash(s)` has no exact form on Databricks: `hash()` is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
i32 & 1
    ! `i32 & 1` has no exact form on Databricks: it is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
i32 << 2
    ! `i32 << 2` has no exact form on Databricks: it is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
~i32
    ! `~i32` has no exact form on Databricks: it is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
xor(i32, 1)
    ! `xor(i32, 1)` has no exact form on Databricks: it is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
s[1]
    ! `s[1]` has no exact form on Databricks: it is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
s[1:2]
    ! `s[1:2]` has no exact form on Databricks: it is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
try(i32 // i322)
    ! `try(i32 // i322)` has no exact form on Databricks: `try()` is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
format('{}', i32)
    ! `format('{}', i32)` has no exact form on Databricks: `format()` is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
s collate nocase
    ! `s COLLATE nocase` has no exact form on Databricks: `s collate nocase()` is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
t at time zone 'UTC'
    ! `t AT TIME ZONE 'UTC'` has no exact form on Databricks: it is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
i32 = any([1, 2])
    ! `ANY([1, 2])` has no exact form on Databricks: its type is not known; compute it in a dbt model and name that as `model:`
(i32, i322) = (1, 2)
    ! `(i32, i322)` has no exact form on Databricks: its type is not known; compute it in a dbt model and name that as `model:`
list_value(i32, 1)
    ! `[i32, 1]` has no exact form on Databricks: `[i32, 1]()` is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
struct_pack(x := i32)
    ! `{'x': i32}` has no exact form on Databricks: `{'x': i32}()` is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
