-- Which database this is. The folder of the objects carries the same id, so that a program that is pointed at the
-- wrong database, or at the wrong folder, notices before it takes every upload there for forgotten. The id goes
-- along in a dump: a restored database is still the same one.

create table instance (
    -- At most one row: the key has one value.
    only_row boolean primary key default true,
    id       uuid    not null default gen_random_uuid(),
    constraint instance_only_row check (only_row)
);
insert into instance default values;
