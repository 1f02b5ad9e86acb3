-- Submissions, the queue that scores them, their scores, and the board.

create type submission_state as enum ('received', 'queued', 'scoring', 'scored', 'rejected', 'failed');

create table submissions (
    id              uuid             primary key,
    track_id        uuid             not null references tracks on delete cascade,
    participant_id  uuid             not null references participants on delete cascade,
    state           submission_state not null,
    received_at     timestamptz      not null,
    finished_at     timestamptz,
    size            bigint           not null,
    sha256          bytea            not null,
    description     text             not null default '',
    method_url      text,
    idempotency_key text,
    -- Of a rejected upload: {shown, total}.
    problems        jsonb,
    warnings        jsonb            not null default '[]',
    constraint submissions_idempotency_key unique (participant_id, idempotency_key),
    constraint submissions_sha256_length check (octet_length(sha256) = 32),
    constraint submissions_rejected_has_problems check ((state = 'rejected') = (problems is not null))
);
-- Attempts are counted by participant and time; boards and histories read in the same order.
create index submissions_participant_received_idx on submissions (participant_id, received_at);
create index submissions_track_received_idx on submissions (track_id, received_at);
create index submissions_unfinished_idx on submissions (received_at) where state in ('queued', 'scoring');

create table jobs (
    submission_id uuid        not null references submissions on delete cascade,
    split         split       not null,
    -- Times claimed, counted at the claim: with the worker's id it fences off a worker that lost its lease.
    attempts      integer     not null default 0,
    -- Times that scoring itself went wrong, as against workers that died.
    errors        integer     not null default 0,
    worker        uuid,
    leased_until  timestamptz,
    run_after     timestamptz not null,
    created_at    timestamptz not null,
    -- At most one job for a submission and split, waiting or running.
    primary key (submission_id, split),
    constraint jobs_worker_has_lease check ((worker is null) = (leased_until is null))
);
create index jobs_ready_idx on jobs (run_after);

create table scorings (
    id             uuid             primary key,
    submission_id  uuid             not null references submissions on delete cascade,
    split          split            not null,
    scorer_version text             not null,
    scored_at      timestamptz      not null,
    -- The ranking number, for people; `ranking` holds the counts that decide.
    average        double precision not null,
    ranking        jsonb            not null,
    interval_low   double precision not null,
    interval_high  double precision not null,
    -- Per scenario: name, the nine metrics, the curve on the public grid.
    scenarios      jsonb            not null,
    -- The bootstrap replicates of the ranking number: little-endian f64, for paired differences.
    replicates     bytea            not null,
    superseded_at  timestamptz
);
-- Scored twice is still one score.
create unique index scorings_current_key on scorings (submission_id, split) where superseded_at is null;

-- The submission that stands on the board for a participant, by the track's entry rule.
create table entries (
    participant_id uuid  not null references participants on delete cascade,
    split          split not null,
    track_id       uuid  not null references tracks on delete cascade,
    submission_id  uuid  not null references submissions on delete cascade,
    scoring_id     uuid  not null references scorings on delete cascade,
    primary key (participant_id, split)
);
create index entries_track_split_idx on entries (track_id, split);
