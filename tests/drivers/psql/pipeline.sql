-- Named statements and pipelines, which psql knows from 18 on.
select $1::int + 1 as next \parse named
\bind_named named 1 \g
\bind_named named 2 \g
\close_prepared named
\bind_named named 3 \g
\startpipeline
select $1::text as first \bind 'a' \sendpipeline
select $1::text as second \bind 'b' \sendpipeline
\syncpipeline
select 1 / $1::int as broken \bind 0 \sendpipeline
select 'skipped' as skipped \bind \sendpipeline
\syncpipeline
select 'after' as after \bind \sendpipeline
\flushrequest
\getresults
\endpipeline
