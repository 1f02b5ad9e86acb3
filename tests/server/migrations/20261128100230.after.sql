do $$
begin
    assert (select count(*) > 0 and bool_and(not publish_entries) from tracks), 'somebody is said to have agreed';
end $$;
