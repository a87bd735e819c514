-- What the people of the environment file chose for themselves: the language in which they alone are answered.

create table people (
    person   text primary key,
    language text not null
);
