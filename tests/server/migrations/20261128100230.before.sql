-- Nothing of its own: the tracks that are there are enough.
select 1;
