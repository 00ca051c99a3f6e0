# Arithmetic and functions of numbers.

# whole numbers
i8 + i82
    i8 + i82
i32 + i322
    i32 + i322
i64 + i642
    i64 + i642
i8 + i322
    i8 + i322
i32 - i642
    i32 - i642
i32 * i322
    i32 * i322
i8 * i642
    i8 * i642
i8 + 1
    cast(i8 + 1 as tinyint)
i32 + 1
    i32 + 1
i64 * 2
    i64 * 2
i32 + 3000000000
    i32 + 3000000000
-i32
    -i32
-i64
    -i64
-d38
    cast(replace(concat('-', cast(d38 as string)), '--', '') as decimal(38, 10))
- -i32
    -( -i32 )
-(i32 + 1)
    -( i32 + 1 )
i32 - -1
    i32 - -1
i32 - (i322 - 1)
    i32 - ( i322 - 1 )
(i32 + 1) * 2
    ( i32 + 1 ) * 2
i32 + i322 * 2
    i32 + i322 * 2
i32 // i322
    cast(i32 div i322 as int)
i64 // i642
    i64 div i642
i8 // i82
    cast(i8 div i82 as tinyint)
i32 // 7
    cast(i32 div 7 as int)
i32 % i322
    i32 % i322
i64 % i642
    i64 % i642
i32 % 7
    i32 % 7
mod(i32, i322)
    i32 % i322
i32 // 2 % 3
    cast(i32 div 2 % 3 as int)
f64 // f642
    ! `f64 // f642` has no exact form on Databricks: `//` is of whole numbers there; write `floor(a / b)`
d // d2
    ! `d // d2` has no exact form on Databricks: `//` is of whole numbers there; write `floor(a / b)`

# doubles and floats
f64 + f642
    f64 + f642
f64 - f642
    f64 - f642
f64 * f642
    f64 * f642
f64 / f642
    case when f642 = 0 then f64 * power(f642, -1) else f64 / f642 end
f64 % f642
    case when f642 = 0 then f64 * cast('nan' as double) else f64 % f642 end
f64 % 3
    f64 % cast(3 as double)
-f64
    -f64
f64 + i322
    f64 + i322
f64 * d2
    f64 * d2
f64 + 0.1
    f64 + 0.1
f64 * 2
    f64 * 2
f64 / 3
    f64 / 3
f64 / -0.5
    f64 / -0.5
f64 / 0
    case when 0 = 0 then f64 * power(0, -1) else f64 / 0 end
f32 + f322
    f32 + f322
f32 * f322
    f32 * f322
f32 / f322
    cast(case when f322 = 0 then f32 * power(f322, -1) else f32 / f322 end as float)
f32 % f322
    cast(case when f322 = 0 then f32 * cast('nan' as double) else f32 % f322 end as float)
f32 + f642
    f32 + f642
f32 * i322
    f32 * cast(i322 as float)
f32 + 1
    f32 + cast(1 as float)
f32 * 0.1
    f32 * cast(0.1 as float)
f32 / 3
    cast(f32 / cast(3 as float) as float)
f32 + d2
    f32 + cast(d2 as float)
i32 / i322
    case when i322 = 0 then i32 * power(i322, -1) else i32 / i322 end
i64 / i642
    case when i642 = 0 then i64 * power(i642, -1) else i64 / i642 end
i32 / 2
    i32 / 2
i64 / 3
    i64 / 3
1 / i32
    case when i32 = 0 then 1 * power(i32, -1) else 1 / i32 end
f64 / i322
    case when i322 = 0 then f64 * power(i322, -1) else f64 / i322 end
i32 / f642
    case when f642 = 0 then i32 * power(f642, -1) else i32 / f642 end
(f64 + 1) / (f642 - 1)
    case when ( f642 - 1 ) = 0 then ( f64 + 1 ) * power(f642 - 1, -1) else ( f64 + 1 ) / ( f642 - 1 ) end
f64 / (f642 / i322)
    case when case when i322 = 0 then f642 * power(i322, -1) else f642 / i322 end = 0 then f64 * power(case when i322 = 0 then f642 * power(i322, -1) else f642 / i322 end, -1) else f64 / case when i322 = 0 then f642 * power(i322, -1) else f642 / i322 end end
i32 * 1e3
    i32 * 1e3

# decimals
d + d2
    d + d2
d - d2
    d - d2
d * d2
    cast(d * d2 as decimal(18, 4))
d + d42
    d + d42
d * 2
    cast(d * 2 as decimal(18, 2))
d + 1
    cast(d + 1 as decimal(13, 2))
d * 0.5
    d * 0.5
d - 0.05
    d - 0.05
d * i82
    cast(d * i82 as decimal(13, 2))
d + i322
    d + i322
d * i322
    cast(d * i322 as decimal(18, 2))
d + i642
    cast(d + i642 as decimal(22, 2))
d + 100
    cast(d + 100 as decimal(13, 2))
d + -1
    cast(d + -1 as decimal(13, 2))
-1 * d
    cast(-1 * d as decimal(18, 2))
d > d2 * 1.1
    d > d2 * 1.1
d4 * i642
    ! `d4 * i642` has no exact form on Databricks: its result needs 39 digits, and Databricks keeps 38; cast the decimals to fewer digits, or to double
d / d2
    case when d2 = 0 then cast(d as double) * power(d2, -1) else cast(d as double) / d2 end
d / 2
    cast(d as double) / 2
d / i322
    case when i322 = 0 then cast(d as double) * power(i322, -1) else cast(d as double) / i322 end
d / f642
    case when f642 = 0 then cast(d as double) * power(f642, -1) else cast(d as double) / f642 end
d4 / d42
    case when d42 = 0 then cast(d4 as double) * power(d42, -1) else cast(d4 as double) / d42 end
d % d2
    d % d2
d % 3
    cast(d % 3 as decimal(12, 2))
-d
    -d
d38 + d382
    ! `d38 + d382` has no exact form on Databricks: its result needs 39 digits, and Databricks keeps 38; cast the decimals to fewer digits, or to double
d38 + d2
    ! `d38 + d2` has no exact form on Databricks: its result needs 39 digits, and Databricks keeps 38; cast the decimals to fewer digits, or to double
d38 * d2
    ! `d38 * d2` has no exact form on Databricks: its result needs 49 digits, and Databricks keeps 38; cast the decimals to fewer digits, or to double
d38 * 2
    ! `d38 * 2` has no exact form on Databricks: its result needs 40 digits, and Databricks keeps 38; cast the decimals to fewer digits, or to double
d + d2 * 2 - 0.5
    cast(d + d2 * 2 - 0.5 as decimal(20, 2))
d * d2 * d
    cast(d * d2 * d as decimal(18, 6))
(d + 1) * 100 / 3
    cast(( d + 1 ) * 100 as double) / 3

# not numbers
s + 1
    ! `s` has no exact form on Databricks: it is text, not a number; cast it, or write a number
b + 1
    ! `b` has no exact form on Databricks: it is boolean, not a number; cast it, or write a number
b * 2
    ! `b` has no exact form on Databricks: it is boolean, not a number; cast it, or write a number
'5' + 1
    ! `'5'` has no exact form on Databricks: it is text, not a number; cast it, or write a number

# powers, roots, logarithms
power(f64, 2)
    power(f64, 2)
power(f64, 0.5)
    power(f64, 0.5)
power(f64, -1)
    power(f64, -1)
power(f64, f642)
    case when ( f64 = 1 and f642 is not null ) or ( f64 = -1 and f642 in (cast('infinity' as double), cast('-infinity' as double)) ) then double(1) else power(f64, f642) end
power(f64, i322)
    power(f64, i322)
power(2, f64)
    power(2, f64)
power(1, f64)
    case when ( 1 = 1 and f64 is not null ) or ( 1 = -1 and f64 in (cast('infinity' as double), cast('-infinity' as double)) ) then double(1) else power(1, f64) end
pow(i32, 2)
    power(i32, 2)
f64 ** 2
    power(f64, 2)
f64 ^ 2
    power(f64, 2)
power(d, 2)
    power(d, 2)
sqrt(f64)
    sqrt(f64)
sqrt(i32)
    sqrt(i32)
sqrt(d)
    sqrt(d)
sqrt(f32)
    sqrt(cast(f32 as double))
cbrt(f64)
    cbrt(f64)
exp(f64)
    exp(f64)
exp(i32)
    exp(i32)
ln(f64)
    case when f64 > 0 then ln(f64) when f64 = 0 then cast('-infinity' as double) when f64 < 0 then cast('nan' as double) end
ln(f64 + 1)
    case when f64 + 1 > 0 then ln(f64 + 1) when f64 + 1 = 0 then cast('-infinity' as double) when f64 + 1 < 0 then cast('nan' as double) end
ln(i32)
    case when i32 > 0 then ln(i32) when i32 = 0 then cast('-infinity' as double) when i32 < 0 then cast('nan' as double) end
ln(d)
    case when d > 0 then ln(d) when d = 0 then cast('-infinity' as double) when d < 0 then cast('nan' as double) end
ln(2)
    ln(2)
log(f64)
    case when f64 > 0 then log10(f64) when f64 = 0 then cast('-infinity' as double) when f64 < 0 then cast('nan' as double) end
log10(f64)
    case when f64 > 0 then log10(f64) when f64 = 0 then cast('-infinity' as double) when f64 < 0 then cast('nan' as double) end
log10(i64)
    case when i64 > 0 then log10(i64) when i64 = 0 then cast('-infinity' as double) when i64 < 0 then cast('nan' as double) end
log2(f64)
    case when f64 > 0 then log2(f64) when f64 = 0 then cast('-infinity' as double) when f64 < 0 then cast('nan' as double) end
log(2, f64)
    case when f64 > 0 then log2(f64) when f64 = 0 then cast('-infinity' as double) when f64 < 0 then cast('nan' as double) end
log(3, f64)
    ! `log(3, f64)` has no exact form on Databricks: only logarithms to base 2, 10 and e agree; write `ln(x) / ln(b)`
sin(f64)
    sin(f64)
cos(f64)
    cos(f64)
tan(f64)
    tan(f64)
atan(f64)
    atan(f64)
atan2(f64, f642)
    ! `atan2(f64, f642)` has no exact form on Databricks: `atan2()` is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
tanh(f64)
    tanh(f64)
radians(f64)
    radians(f64)
degrees(f64)
    degrees(f64)
pi()
    pi()
pi() * i32
    pi() * i32

# rounding
abs(i32)
    abs(i32)
abs(i8)
    abs(i8)
abs(f64)
    abs(f64)
abs(f32)
    abs(f32)
abs(d38)
    cast(replace(cast(d38 as string), '-', '') as decimal(38, 10))
abs(d)
    abs(d)
abs(-i32)
    abs(-i32)
sign(i32)
    cast(sign(i32) as tinyint)
sign(f64)
    cast(case when f64 = cast('nan' as double) then 0 else sign(f64) end as tinyint)
sign(d)
    cast(sign(d) as tinyint)
floor(f64)
    case when abs(f64) < 4503599627370496 then cast(floor(f64) as double) else f64 end
ceil(f64)
    case when abs(f64) < 4503599627370496 then cast(ceil(f64) as double) else f64 end
ceiling(f64)
    case when abs(f64) < 4503599627370496 then cast(ceil(f64) as double) else f64 end
floor(f32)
    cast(case when abs(f32) < 4503599627370496 then cast(floor(f32) as double) else f32 end as float)
floor(d)
    cast(floor(d) as decimal(10, 0))
ceil(d)
    cast(ceil(d) as decimal(10, 0))
floor(d38)
    cast(floor(d38) as decimal(38, 0))
floor(i32)
    cast(i32 as double)
trunc(f64)
    case when abs(f64) < 4503599627370496 then cast(cast(f64 as bigint) as double) else f64 end
trunc(d)
    cast(cast(case when d < 0 then ceil(d) else floor(d) end as decimal(8, 0)) as decimal(10, 0))
trunc(i32)
    i32
round(f64)
    case when abs(f64) < 4503599627370496 then round(f64) else f64 end
round(f64, 2)
    case when abs(f64) < 4503599627370496 then round(f64 * 100) / 100 else f64 end
round(f64, 0)
    case when abs(f64) < 4503599627370496 then round(f64) else f64 end
round(f64, -2)
    case when abs(f64) < 4503599627370496 then round(f64 / 100) * 100 else f64 end
round(f64, 20)
    ! `round(f64, 20)` has no exact form on Databricks: the number of digits is not a literal from -15 to 15; compute it in a dbt model and name that as `model:`
round(f32)
    case when abs(f32) < 4503599627370496 then round(f32) else f32 end
round(f32, 1)
    ! `round(f32, 1)` has no exact form on Databricks: floats are scaled in another way; cast it to double first
round(d)
    cast(round(d, 0) as decimal(10, 0))
round(d, 1)
    cast(round(d, 1) as decimal(10, 1))
round(d, 3)
    cast(round(d, 3) as decimal(10, 2))
round(d, -1)
    cast(round(d, -1) as decimal(10, 0))
round(d4, 2)
    cast(round(d4, 2) as decimal(18, 2))
round(i32)
    i32
round(i32, 2)
    i32
round(i32, -1)
    cast(round(i32, -1) as int)
round(f64, i32)
    ! `round(f64, i32)` has no exact form on Databricks: the number of digits is not a literal from -15 to 15; compute it in a dbt model and name that as `model:`
round(f64 / 3, 2)
    case when abs(f64 / 3) < 4503599627370496 then round(f64 / 3 * 100) / 100 else f64 / 3 end
floor(f64 / 10) * 10
    case when abs(f64 / 10) < 4503599627370496 then cast(floor(f64 / 10) as double) else f64 / 10 end * 10

# what a double is
isnan(f64)
    f64 = cast('nan' as double)
isinf(f64)
    f64 in (cast('infinity' as double), cast('-infinity' as double))
isfinite(f64)
    not f64 in (cast('nan' as double), cast('infinity' as double), cast('-infinity' as double))
isnan(f32)
    f32 = cast('nan' as double)
isfinite(f64 * 2)
    not f64 * 2 in (cast('nan' as double), cast('infinity' as double), cast('-infinity' as double))

# what there is no rule for
gcd(i32, i322)
    ! `gcd(i32, i322)` has no exact form on Databricks: `gcd()` is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
factorial(i32)
    ! `factorial(i32)` has no exact form on Databricks: `factorial()` is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
even(f64)
    ! `even(f64)` has no exact form on Databricks: `even()` is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
bit_count(i32)
    ! `bit_count(i32)` has no exact form on Databricks: `bit_count()` is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
fmod(f64, f642)
    ! `fmod(f64, f642)` has no exact form on Databricks: `fmod()` is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
asin(f64)
    ! `asin(f64)` has no exact form on Databricks: `asin()` is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
gamma(f64)
    ! `gamma(f64)` has no exact form on Databricks: `gamma()` is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
