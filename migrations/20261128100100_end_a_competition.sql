-- The second half of a competition: labels in versions with a commitment to them, the sealed final and its official
-- rankings, disqualification, and rescoring in batches.

-- Why there is another official ranking.
create type ranking_change as enum ('reveal', 'disqualified', 'restored', 'removed', 'returned', 'rescored');

alter table tracks
    -- Which version of the labels is scored against.
    add column labels_version   integer not null default 1,
    -- Since when the commitment's opening is public.
    add column labels_opened_at timestamptz,
    -- Since when the results are no longer provisional.
    add column results_final_at timestamptz,
    -- The newest official ranking; 0 before the reveal.
    add column ranking_version  integer not null default 0,
    -- What made a newer one necessary that waits for final scores.
    add column ranking_due      ranking_change,
    -- The event that participants are told about on the track's pages.
    add column banner_seq       bigint,
    -- A track can be closed before the date on which it was to open.
    drop constraint tracks_dates_in_order,
    add constraint tracks_dates_in_order check (opens_at is null or closes_at is null or opens_at <= closes_at),
    add constraint tracks_opened_after_reveal
        check (labels_opened_at is null or phase in ('revealed', 'benchmark')),
    add constraint tracks_ranked_after_final check (ranking_version = 0 or final_begun_at is not null);

create table label_versions (
    track_id uuid        not null references tracks on delete cascade,
    version  integer     not null,
    -- SHA-256 of commitment.txt. Null: nobody committed to these labels.
    root     bytea,
    -- commitment.txt; null while the labels, and so its lines, are kept elsewhere.
    text     text,
    made_at  timestamptz not null,
    primary key (track_id, version),
    constraint label_versions_root_length check (octet_length(root) = 32),
    constraint label_versions_text_has_root check (text is null or root is not null)
);
-- Tracks that opened before have no commitment.
insert into label_versions (track_id, version, made_at)
    select id, 1, created_at from tracks where phase <> 'draft';

alter table solutions
    add column version integer not null default 1,
    -- 32 random bytes that keep a line of the commitment from being guessed; there once the labels are committed to.
    add column salt    bytea,
    add constraint solutions_salt_length check (octet_length(salt) = 32),
    drop constraint solutions_pkey,
    add primary key (track_id, version, split, scenario, model);

alter table submissions
    -- Taken out by organisers; beside the state, which goes on saying what became of its dev score.
    add column disqualified_at     timestamptz,
    add column disqualified_reason text,
    add constraint submissions_disqualified_for_a_reason
        check ((disqualified_at is null) = (disqualified_reason is null));

alter table scorings
    add column labels_version integer not null default 1,
    -- 32 random bytes: what the log tells of a score is their hash together with the result, never a number.
    add column log_salt       bytea,
    add constraint scorings_log_salt_length check (octet_length(log_salt) = 32);

-- An official entry belongs to the track of its participant and its submission.
alter table submissions add constraint submissions_id_track_key unique (id, track_id);
alter table official_entries
    add foreign key (participant_id, track_id) references participants (id, track_id) on delete cascade,
    add foreign key (submission_id, track_id) references submissions (id, track_id) on delete cascade;

-- The final ranking as it was made public, every version of it. What files are exported from it is stored as it was told.
create table official_rankings (
    track_id uuid        not null references tracks on delete cascade,
    version  integer     not null,
    made_at  timestamptz not null,
    -- The event in the log that made it.
    log_seq  bigint      not null,
    -- What changed against the version before.
    change   ranking_change not null,
    -- ranking.json and results.json, byte for byte.
    ranking  text        not null,
    results  text        not null,
    primary key (track_id, version)
);
-- Its entries, with the scores that made them.
create table ranked_entries (
    track_id       uuid    not null,
    version        integer not null,
    participant_id uuid    not null references participants on delete cascade,
    submission_id  uuid    not null references submissions on delete cascade,
    scoring_id     uuid    not null references scorings on delete cascade,
    rank           integer not null,
    primary key (track_id, version, participant_id),
    foreign key (track_id, version) references official_rankings on delete cascade
);

create type rescoring_state as enum ('running', 'applied', 'dropped');
-- A rescoring is a batch: its results stand beside the present ones until all of them take their place at once.
create table rescorings (
    id             uuid            primary key,
    track_id       uuid            not null references tracks on delete cascade,
    state          rescoring_state not null default 'running',
    begun_at       timestamptz     not null,
    ended_at       timestamptz,
    reason         text            not null,
    labels_version integer         not null,
    -- The scorer that began it; no other version of it takes part.
    scorer_version text,
    constraint rescorings_ended check ((state = 'running') = (ended_at is null))
);
create index rescorings_track_id_idx on rescorings (track_id, begun_at);

create table rescored (
    batch_id       uuid             not null references rescorings on delete cascade,
    submission_id  uuid             not null references submissions on delete cascade,
    split          split            not null,
    scoring_id     uuid             not null,
    scorer_version text             not null,
    scored_at      timestamptz      not null,
    average        double precision not null,
    ranking        jsonb            not null,
    interval_low   double precision not null,
    interval_high  double precision not null,
    scenarios      jsonb            not null,
    replicates     bytea            not null,
    log_salt       bytea            not null,
    primary key (batch_id, submission_id, split)
);

alter table jobs
    add column id       uuid not null default gen_random_uuid(),
    -- The rescoring it is part of.
    add column batch_id uuid references rescorings on delete cascade,
    drop constraint jobs_pkey,
    add primary key (id),
    -- At most one job for a submission and split, and one in each batch.
    add constraint jobs_submission_split_batch_key unique nulls not distinct (submission_id, split, batch_id),
    drop constraint jobs_only_final_stay_failed,
    add constraint jobs_dev_is_never_given_up check (failed_at is null or split = 'final' or batch_id is not null);
