-- Whoever took part and what was sent before there was a log go on without an event.
select 1;
