-- A session that was used since its log-in.
insert into sessions (secret_hash, user_id, created_at, last_used_at, expires_at)
values (sha256('a session'), (select id from users order by id limit 1), '2026-11-10T00:00Z', '2026-11-11T00:00Z',
        '2026-12-10T00:00Z');
