do $$
begin
    assert (select password_given_at from sessions where secret_hash = sha256('a session')) = '2026-11-10T00:00Z',
        'the password was not given at the log-in';
    assert (select bool_and(last_used_at >= created_at and expires_at > created_at) from sessions), 'a session was bent';
end $$;
