-- Accounts: who may log in, by password and cookie or by API token.

create table users (
    id            uuid        primary key,
    name          text        not null,
    -- The name folded for comparison, so that `Ada` and `ada` are one account.
    name_key      text        not null,
    email         text,
    -- An Argon2id hash in PHC form. Null: the account cannot log in by password.
    password_hash text,
    is_admin      boolean     not null default false,
    created_at    timestamptz not null,
    constraint users_name_key_key unique (name_key),
    constraint users_name_length check (char_length(name) between 2 and 40)
);

-- Only the SHA-256 of a secret is kept: a stolen backup logs nobody in.
create table sessions (
    secret_hash  bytea       primary key,
    user_id      uuid        not null references users on delete cascade,
    created_at   timestamptz not null,
    last_used_at timestamptz not null,
    expires_at   timestamptz not null,
    constraint sessions_secret_hash_length check (octet_length(secret_hash) = 32)
);
create index sessions_user_id_idx on sessions (user_id);
create index sessions_expires_at_idx on sessions (expires_at);

create type token_scope as enum ('read', 'submit');

create table api_tokens (
    id           uuid        primary key,
    user_id      uuid        not null references users on delete cascade,
    label        text        not null,
    scope        token_scope not null,
    secret_hash  bytea       not null,
    -- The first characters, so that a person can tell tokens apart in a list.
    hint         text        not null,
    created_at   timestamptz not null,
    last_used_at timestamptz,
    constraint api_tokens_secret_hash_key unique (secret_hash),
    constraint api_tokens_secret_hash_length check (octet_length(secret_hash) = 32)
);
create index api_tokens_user_id_idx on api_tokens (user_id);
