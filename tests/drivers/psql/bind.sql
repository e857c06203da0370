-- Parameters by the extended protocol, which psql knows from 16 on.
select $1::int + $2::int as sum, $3::text as text \bind 20 22 'a text' \g
select $1::int \bind 'no number' \g
select 1 / $1::int \bind 0 \g
