do $$
begin
    assert (select count(*) from submissions where method_url is not null) > 0, 'an address was lost';
    assert (select bool_and(method_url_at is null) from submissions), 'an address was sent with its submission';
end $$;
