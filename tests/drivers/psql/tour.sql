-- psql against one address: its own commands, which are queries that no application writes. What it
-- prints must be the same wherever it is connected to, so nothing here prints a number or a name
-- that differs between two runs.

\set VERBOSITY verbose
\set SHOW_CONTEXT always
\pset null '(null)'
select :SERVER_VERSION_NUM >= 160000 as can_bind, :SERVER_VERSION_NUM >= 180000 as can_pipeline \gset

-- What \d and its relatives ask the catalogue.
create schema psql_tour;
set search_path = psql_tour;
create table people (id int primary key, name text not null default 'nobody', born date);
create index people_by_name on people (name);
create view names as select name from people;
create sequence numbers;
create type mood as enum ('sad', 'happy');
create function twice(n int) returns int language sql as 'select 2 * n';
comment on table people is 'those who are here';
\d
\d people
\d+ people
\d names
\d numbers
\dt psql_tour.*
\di
\dv
\ds
\dT mood
\df twice
\dn psql_tour
\dd people
\sf twice
\sv names

-- COPY by psql's hand: from the script, to a program, to the output.
\copy people from stdin
1	Ada	1815-12-10
2	Grace	1906-12-09
3	Barbara	\N
\.
\copy (select * from people order by id) to stdout
\copy people (id, name) from program 'seq 100 2000 | sed "s/.*/&,row &/"' with (format csv)
\copy people to program 'wc -l'
\copy people from stdin
1	Twice	\N
\.
\copy nowhere to stdout
copy people to stdout (format csv, header);
delete from people where id >= 100;

-- Descriptions, variables, and queries made of queries.
select id, name, born from people \gdesc
select nothing \gdesc
select id as the_id, name as the_name from people order by id limit 1 \gset
\echo :the_id :the_name
select format('select %L as made', name) from people order by id \gexec
select id, name, born from people order by id \gx
select id % 2 as odd, name, id from people order by id \crosstabview odd name id
select name from people order by id \g | sort

-- A query again and again: until it fails, since older versions know no other end.
create temp sequence watched;
select 10 / (3 - nextval('watched')) as part \watch 0.01

-- Rows in portions.
\set FETCH_COUNT 100
select g from generate_series(1, 1000) g where g % 100 = 0;
select 1 / (500 - g) from generate_series(1, 1000) g;
\unset FETCH_COUNT

-- Errors and transactions, as psql sees them.
\set ON_ERROR_ROLLBACK on
begin;
insert into people values (10, 'kept');
insert into people values (1, 'twice');
insert into people values (11, 'kept as well');
commit;
\unset ON_ERROR_ROLLBACK
\set AUTOCOMMIT off
insert into people values (12, 'lost');
select 1 / 0;
select 'refused';
rollback;
\set AUTOCOMMIT on
select id from people order by id;
\errverbose
select 1 \; select 2 \; select 3;
do $$ begin raise notice 'heard'; raise exception 'an error' using hint = 'a hint', detail = 'a detail'; end $$;

-- Parameters by the extended protocol.
\if :can_bind
\ir bind.sql
\endif
\if :can_pipeline
\ir pipeline.sql
\endif

-- Encodings and settings that psql follows.
\encoding latin1
select length('x');
\encoding utf8
set datestyle = 'German, DMY';
select born from people where id = 1;
reset datestyle;
\dconfig+ work_mem

listen psql_tour;
notify psql_tour;
unlisten *;
prepare by_sql (int) as select $1 * 2 as double;
execute by_sql (21);
deallocate by_sql;
drop schema psql_tour cascade;
