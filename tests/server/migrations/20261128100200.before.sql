-- A token of each scope there was.
insert into api_tokens (id, user_id, label, scope, secret_hash, hint, created_at)
select gen_random_uuid(), (select id from users order by id limit 1), scope::text, scope, sha256(scope::text::bytea),
       'cmk_', '2026-11-10T00:00Z'
from unnest(enum_range(null::token_scope)) as scope;
