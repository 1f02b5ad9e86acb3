do $$
begin
    assert (select count(distinct log_id) from participants) = (select count(*) from participants),
        'two participants have one id in the log';
    assert (select count(*) from log_events) = 0 and (select count(*) from log_heads) = 0,
        'an event that nobody saw happen';
    assert (select count(*) from submissions where log_seq is not null) = 0, 'a receipt for an event that is not there';
end $$;
