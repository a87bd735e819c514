-- In lockstep with PostgreSQL, where a function changes; here the statements are the program's.
select 1;
