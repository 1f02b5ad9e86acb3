-- The entries of the dev board follow the scores. Those that the final ranking is made of are frozen after the close, in
-- a table of their own, and only they have jobs and scores on the final split.

delete from entries where split <> 'dev';
drop index entries_track_split_idx;
alter table entries
    drop constraint entries_pkey,
    drop column split,
    add primary key (participant_id);
create index entries_track_id_idx on entries (track_id);

create table official_entries (
    participant_id uuid not null references participants on delete cascade,
    track_id       uuid not null references tracks on delete cascade,
    submission_id  uuid not null references submissions on delete cascade,
    primary key (participant_id)
);
create index official_entries_track_id_idx on official_entries (track_id);

alter table tracks
    -- Since when the official entries stand.
    add column entries_frozen_at timestamptz,
    -- Since when final scores may exist: never before the entries are frozen.
    add column final_begun_at    timestamptz,
    add constraint tracks_frozen_after_close
        check (entries_frozen_at is null or phase in ('closed', 'revealed', 'benchmark')),
    add constraint tracks_final_after_freeze check (final_begun_at is null or entries_frozen_at is not null);

-- What a submission's state says is about its dev job alone. A final job says for itself how it stands.
alter table jobs
    -- Why it went wrong the last time; for organisers.
    add column last_error text,
    -- Given up. A dev job that is given up is gone, and its submission is called failed.
    add column failed_at  timestamptz,
    add constraint jobs_only_final_stay_failed check (failed_at is null or split = 'final'),
    add constraint jobs_failed_is_not_held check (failed_at is null or worker is null);
drop index jobs_ready_idx;
create index jobs_ready_idx on jobs (run_after) where failed_at is null;
