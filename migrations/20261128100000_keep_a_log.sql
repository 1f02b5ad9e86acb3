-- What happened to a track, in order, for everybody: append-only and chained by hashes, so that nobody, the organisers
-- included, can change what stands in it without being noticed by whoever kept a later hash.

alter table participants
    -- How the log calls a participant: random, so that it tells neither a name nor when somebody enrolled.
    add column log_id uuid not null default gen_random_uuid(),
    add constraint participants_log_id_key unique (log_id);

-- The last event of each track's log. Whoever appends locks this row, after all other locks.
create table log_heads (
    track_id uuid        primary key references tracks,
    seq      bigint      not null default 0,
    -- 32 zero bytes before the first event.
    hash     bytea       not null default decode(repeat('00', 32), 'hex'),
    at       timestamptz not null default '-infinity',
    constraint log_heads_hash_length check (octet_length(hash) = 32)
);

-- Nothing cascades into it: a track with events cannot be deleted.
create table log_events (
    track_id uuid        not null references tracks,
    seq      bigint      not null,
    at       timestamptz not null,
    kind     text        not null,
    -- The bytes that are hashed and told.
    event    bytea       not null,
    -- SHA-256 of the hash before and the event's bytes.
    hash     bytea       not null,
    primary key (track_id, seq)
);

-- Who did it, and why in words: kept apart from the log, because it can be erased.
create table log_details (
    track_id uuid   not null,
    seq      bigint not null,
    user_id  uuid   references users on delete set null,
    reason   text,
    primary key (track_id, seq),
    foreign key (track_id, seq) references log_events
);
create index log_details_user_id_idx on log_details (user_id);

create function log_refuse() returns trigger language plpgsql as $$
begin
    raise exception 'the log is append-only' using errcode = 'integrity_constraint_violation', constraint = tg_name;
end $$;

create trigger log_events_append_only before update or delete on log_events
    for each row execute function log_refuse();
create trigger log_events_not_truncated before truncate on log_events
    for each statement execute function log_refuse();
create trigger log_heads_not_deleted before delete on log_heads
    for each row execute function log_refuse();
create trigger log_heads_not_truncated before truncate on log_heads
    for each statement execute function log_refuse();

-- An event fits the head, and becomes it.
create function log_advance() returns trigger language plpgsql as $$
declare head log_heads%rowtype;
begin
    select * into head from log_heads where track_id = new.track_id for update;
    if not found or new.seq <> head.seq + 1 or new.at < head.at or new.hash <> sha256(head.hash || new.event) then
        raise exception 'event % does not follow the log''s head', new.seq
            using errcode = 'integrity_constraint_violation', constraint = tg_name;
    end if;
    update log_heads set seq = new.seq, hash = new.hash, at = new.at where track_id = new.track_id;
    return new;
end $$;
create trigger log_events_follow before insert on log_events
    for each row execute function log_advance();

-- A head says what the last event says, and nothing else.
create function log_head_follows() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' and new.seq = 0 and new.hash = decode(repeat('00', 32), 'hex') then
        return new;
    end if;
    if tg_op = 'UPDATE' and (new.seq, new.hash, new.at) = (old.seq, old.hash, old.at) and new.track_id = old.track_id then
        return new;
    end if;
    if tg_op = 'UPDATE' and pg_trigger_depth() > 1 and new.track_id = old.track_id and new.seq = old.seq + 1 then
        return new;
    end if;
    raise exception 'the log''s head follows its events' using errcode = 'integrity_constraint_violation', constraint = tg_name;
end $$;
create trigger log_heads_follow before insert or update on log_heads
    for each row execute function log_head_follows();

-- The event by which a submission was taken: what its receipt names.
alter table submissions add column log_seq bigint;
-- The event that made this version of the board.
alter table tracks add column board_log_seq bigint;
