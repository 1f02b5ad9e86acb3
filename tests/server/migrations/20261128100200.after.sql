do $$
begin
    assert enum_range(null::token_scope)::text[] = array['read', 'submit', 'organise'],
        'the scopes are others, or in another order';
    assert (select bool_and(label = scope::text) and count(*) >= 2 from api_tokens), 'a token may do something else now';
end $$;
