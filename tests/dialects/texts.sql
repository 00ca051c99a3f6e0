# Functions of text. Characters are code points.

# put together
s || s2
    s || s2
s || '-' || s2
    s || '-' || s2
s || '${s2} $1 ${env:HOME}'
    s || '\u0024{s2} $1 \u0024{env:HOME}'
s || i322
    s || cast(i322 as string)
s || b2
    s || cast(b2 as string)
s || d2
    s || cast(d2 as string)
s || day2
    s || cast(day2 as string)
s || t2
    s || cast(t2 as string)
s || f642
    ! `f642` has no exact form on Databricks: the text of double is not the same there; cast it to a decimal
i32 || 'x'
    cast(i32 as string) || 'x'
s || null
    ! `s || NULL` has no exact form on Databricks: it is "null"; compute it in a dbt model and name that as `model:`
concat(s, s2)
    concat(coalesce(s, ''), coalesce(s2, ''))
concat(s, '-', s2)
    concat(coalesce(s, ''), '-', coalesce(s2, ''))
concat(s, i322, null)
    concat(coalesce(s, ''), coalesce(cast(i322 as string), ''), coalesce(null, ''))
concat('a', 'b')
    concat('a', 'b')
concat_ws('-', s, s2)
    concat_ws('-', s, s2)
concat_ws('-', s, i322)
    concat_ws('-', s, cast(i322 as string))
'a' 'b'
    concat('a', 'b')

# case, spaces, length
lower(s)
    lower(translate(s, 'İΣ', 'iσ'))
lcase(s)
    lower(translate(s, 'İΣ', 'iσ'))
lower('ABC')
    'abc'
lower(s) = 'abc'
    lower(translate(s, 'İΣ', 'iσ')) = 'abc'
upper(s)
    ! `upper(s)` has no exact form on Databricks: some letters become two there, such as `ß`; use `lower()`
ucase(s)
    ! `upper(s)` has no exact form on Databricks: some letters become two there, such as `ß`; use `lower()`
trim(s)
    trim(both ' \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000' from s)
ltrim(s)
    trim(leading ' \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000' from s)
rtrim(s)
    trim(trailing ' \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000' from s)
trim(s, 'ab')
    trim(both 'ab' from s)
ltrim(s, 'ab')
    trim(leading 'ab' from s)
rtrim(s, 'cb')
    trim(trailing 'cb' from s)
trim(s, '')
    trim(both '' from s)
trim(both 'x' from s)
    trim(both 'x' from s)
trim(leading ' ' from s)
    trim(leading ' ' from s)
length(s)
    cast(char_length(s) as bigint)
len(s)
    cast(char_length(s) as bigint)
char_length(s)
    cast(char_length(s) as bigint)
strlen(s)
    cast(octet_length(s) as bigint)
length(s) > 3
    char_length(s) > 3
length(s) * 2
    cast(char_length(s) as bigint) * 2
length(i32)
    ! `i32` has no exact form on Databricks: it is integer, not text; write `cast(... as varchar)` around it

# parts
substring(s, 2)
    substring(s, 2)
substring(s, 2, 2)
    substring(s, 2, 2)
substr(s, 1, 1)
    substring(s, 1, 1)
substring(s from 2 for 1)
    substring(s, 2, 1)
substring(s, 0, 2)
    substring(s, 1, 1)
substring(s, 0)
    substring(s, 1)
substring(s, -2, 1)
    substring(s, -2, 1)
substring(s, -20, 19)
    substring(s, -20, 19)
substring(s, 1, 0)
    substring(s, 1, 0)
substring(s, 2, -1)
    ! `substring(s, 2, -1)` has no exact form on Databricks: its length is negative; write a length of 0 or more
substring(s, i32)
    ! `substring(s, i32)` has no exact form on Databricks: its places are not literals; use `left` or `right`
left(s, 2)
    left(s, 2)
left(s, 0)
    left(s, 0)
left(s, -1)
    left(s, char_length(s) - 1)
right(s, 2)
    right(s, 2)
right(s, 0)
    right(s, 0)
right(s, -1)
    right(s, char_length(s) - 1)
left(s, i32)
    ! `left(s, i32)` has no exact form on Databricks: the number of characters is not a literal; compute it in a dbt model and name that as `model:`
split_part(s, 'b', 1)
    split_part(s, 'b', 1)
split_part(s, 'b', 2)
    split_part(s, 'b', 2)
split_part(s, 'b', -1)
    split_part(s, 'b', -1)
split_part(s, 'b', 9)
    split_part(s, 'b', 9)
split_part(s, '', 1)
    ! `split_part(s, '', 1)` has no exact form on Databricks: its delimiter or its number is empty or not a literal; compute it in a dbt model and name that as `model:`
split_part(s, 'b', 0)
    ! `split_part(s, 'b', 0)` has no exact form on Databricks: its delimiter or its number is empty or not a literal; compute it in a dbt model and name that as `model:`
replace(s, 'a', 'xx')
    replace(s, 'a', 'xx')
replace(s, '', 'x')
    replace(s, '', 'x')
replace(s, s2, 'x')
    replace(s, s2, 'x')
replace(s, '\', '/')
    replace(s, '\\', '/')
translate(s, 'ab', 'x')
    translate(s, 'ab', 'x')
translate(s, 'aa', 'xy')
    ! `translate(s, 'aa', 'xy')` has no exact form on Databricks: its characters are not literals, each once; compute it in a dbt model and name that as `model:`
lpad(s, 5, '*')
    lpad(s, 5, '*')
rpad(s, 3, 'xy')
    rpad(s, 3, 'xy')
lpad(s, 2, '*')
    lpad(s, 2, '*')
lpad(s, 5, '')
    ! `lpad(s, 5, '')` has no exact form on Databricks: its length or its filling is not a literal; compute it in a dbt model and name that as `model:`
repeat(s, 2)
    repeat(s, 2)
repeat(s, 0)
    repeat(s, 0)
reverse(s)
    ! `reverse(s)` has no exact form on Databricks: `reverse()` is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
md5(s)
    md5(s)
sha256(s)
    sha2(s, 256)
ascii(s)
    ascii(s)
chr(65)
    ! `chr(65)` has no exact form on Databricks: `chr()` is not among what both engines compute alike; compute it in a dbt model and name that as `model:`

# search
starts_with(s, s2)
    startswith(s, s2)
s ^@ 'a'
    startswith(s, 'a')
prefix(s, s2)
    startswith(s, s2)
contains(s, s2)
    contains(s, s2)
contains(s, 'a')
    contains(s, 'a')
ends_with(s, s2)
    endswith(s, s2)
suffix(s, s2)
    endswith(s, s2)
position(s2 in s)
    cast(instr(s, s2) as bigint)
strpos(s, s2)
    cast(instr(s, s2) as bigint)
instr(s, 'b')
    cast(instr(s, 'b') as bigint)
strpos(s, 'b') > 0
    instr(s, 'b') > 0

# like
s like 'a%'
    s like 'a%'
s like 'A%'
    s like 'A%'
s not like '%b%'
    not s like '%b%'
s like '%a_b%'
    s like '%a_b%'
s like '_'
    s like '_'
s like '__'
    s like '__'
s like '%'
    s like '%'
s like ''
    s like ''
s like 'a\b'
    s like 'a\\b' escape '!'
s like '%\%'
    s like '%\\%' escape '!'
s like 'a\%b'
    s like 'a\\%b' escape '!'
s like 'it''s'
    s like 'it\'s'
s like 'a!%b' escape '!'
    s like 'a!%b' escape '!'
s like 'a!_b' escape '!'
    s like 'a!_b' escape '!'
s like 'a!xb' escape '!'
    ! `s LIKE 'a!xb' ESCAPE '!'` has no exact form on Databricks: the escape character is in front of what needs none; compute it in a dbt model and name that as `model:`
s not like 'a!%b' escape '!'
    not s like 'a!%b' escape '!'
s like '%line%break%'
    s like '%line%break%'
s like '😀_'
    s like '😀_'
s ilike 'ABC%'
    lower(translate(s, 'İΣ', 'iσ')) like 'abc%'
s ilike '%i%'
    lower(translate(s, 'İΣ', 'iσ')) like '%i%'
s not ilike 'a%'
    not lower(translate(s, 'İΣ', 'iσ')) like 'a%'
s ilike 'a!%B' escape '!'
    lower(translate(s, 'İΣ', 'iσ')) like 'a!%b' escape '!'
s ilike '%Σ%'
    ! `s ILIKE '%Σ%'` has no exact form on Databricks: its pattern has letters outside of ASCII; use `like`
s like s2
    ! `s LIKE s2` has no exact form on Databricks: the pattern is not a literal; use `contains` or `starts_with`
s ~~ 'a%'
    s like 'a%'
s !~~ 'a%'
    not s like 'a%'
s glob 'a*'
    ! `s GLOB 'a*'` has no exact form on Databricks: it is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
s similar to 'a.*'
    ! `s SIMILAR TO 'a.*'` has no exact form on Databricks: it is not among what both engines compute alike; compute it in a dbt model and name that as `model:`

# regular expressions
regexp_matches(s, 'b')
    regexp_like(s, 'b')
regexp_matches(s, '^[A-Z]+$')
    regexp_like(s, '^[A-Z]+\\z')
regexp_matches(s, '^a.c$')
    regexp_like(s, '^a[^\\n]c\\z')
regexp_matches(s, 'line.break')
    regexp_like(s, 'line[^\\n]break')
regexp_matches(s, 'k$')
    regexp_like(s, 'k\\z')
regexp_matches(s, '\d|\s')
    regexp_like(s, '[0-9]|[\\t\\n\\f\\r ]')
regexp_matches(s, '\\')
    regexp_like(s, '\\\\')
regexp_matches(s, '(?i)abc')
    regexp_like(s, '[aA][bB][cC]')
s ~ '^(a|A)'
    regexp_like(s, '^(a|A)')
regexp_full_match(s, '[a-c]+')
    regexp_like(s, '\\A(?:[a-c]+)\\z')
regexp_full_match(s, 'a|abc')
    regexp_like(s, '\\A(?:a|abc)\\z')
regexp_full_match(s, 'line.break')
    regexp_like(s, '\\A(?:line[^\\n]break)\\z')
regexp_extract(s, 'e.b')
    regexp_extract(s, 'e[^\\n]b', 0)
regexp_replace(s, 'e.b', '-', 'g')
    regexp_replace(s, 'e[^\\n]b', '-')
regexp_matches(s, '\W')
    regexp_like(s, '[^0-9A-Za-z_]')
regexp_matches(s, '[^a-z]')
    regexp_like(s, '[^a-z]')
regexp_matches(s, '[[:upper:]_\d-]')
    regexp_like(s, '[A-Z_0-9\\-]')
regexp_matches(s, '^.$')
    regexp_like(s, '^[^\\n]\\z')
regexp_matches(s, '^a{2,3}?(?:b|c)*$')
    regexp_like(s, '^a{2,3}?(?:b|c)*\\z')
regexp_matches(s, '[&&[]')
    regexp_like(s, '[\\&\\&\\[]')
regexp_matches(s, '\x{e9}|\x41')
    regexp_like(s, 'é|A')
regexp_matches(s, 'a||b')
    regexp_like(s, 'a||b')
regexp_matches(s, '(?i)É')
    ! the pattern `(?i)É` has no exact form on Databricks: letters outside of ASCII without regard to case; write it with characters, classes such as `[a-z]` or `\d`, groups, `|`, `*`, `+`, `?`, `{m,n}`, `^` and `$`
regexp_matches(s, '(?i)[a-c_k]\w')
    regexp_like(s, '[a-cABC_kKK][0-9A-Za-zKſ_]')
regexp_matches(s, '\p{L}')
    ! the pattern `\p{L}` has no exact form on Databricks: `\p` is not the same there; write it with characters, classes such as `[a-z]` or `\d`, groups, `|`, `*`, `+`, `?`, `{m,n}`, `^` and `$`
regexp_matches(s, '(?s)a.b')
    ! the pattern `(?s)a.b` has no exact form on Databricks: `(?s)` inside of it; write it with characters, classes such as `[a-z]` or `\d`, groups, `|`, `*`, `+`, `?`, `{m,n}`, `^` and `$`
regexp_matches(s, '{')
    regexp_like(s, '\\{')
regexp_matches(s, 'a{,2}')
    regexp_like(s, 'a\\{,2\\}')
regexp_extract(s, '[a-z]+')
    regexp_extract(s, '[a-z]+', 0)
regexp_extract(s, '([a-z])([a-z])', 2)
    regexp_extract(s, '([a-z])([a-z])', 2)
regexp_replace(s, '[ab]', 'x', 'g')
    regexp_replace(s, '[ab]', 'x')
regexp_replace(s, '[ab]', 'x')
    ! `regexp_replace(s, '[ab]', 'x')` has no exact form on Databricks: it replaces the first match alone; write `regexp_replace(x, pattern, text, 'g')`, which replaces every match
regexp_replace(s, '(a)', '\1\1', 'g')
    ! `regexp_replace(s, '(a)', '\1\1', 'g')` has no exact form on Databricks: what it puts in is not plain text; write text without `\` and `$`
regexp_matches(s, s2)
    ! `regexp_matches(s, s2)` has no exact form on Databricks: the pattern is not a literal; compute it in a dbt model and name that as `model:`
regexp_matches(s, '\bword')
    ! the pattern `\bword` has no exact form on Databricks: `\b` is not the same there; write it with characters, classes such as `[a-z]` or `\d`, groups, `|`, `*`, `+`, `?`, `{m,n}`, `^` and `$`
regexp_matches(s, 'a', 'i')
    ! `regexp_matches(s, 'a', 'i')` has no exact form on Databricks: it has options; write `(?i)` in front of the pattern
regexp_split_to_array(s, 'a')
    ! `regexp_split_to_array(s, 'a')` has no exact form on Databricks: `regexp_split_to_array()` is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
levenshtein(s, s2)
    ! `levenshtein(s, s2)` has no exact form on Databricks: `levenshtein()` is not among what both engines compute alike; compute it in a dbt model and name that as `model:`
