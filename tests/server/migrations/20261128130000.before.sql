-- Nothing of its own: the tracks and submissions that are there are enough.
select 1;
