-- The benchmark that can follow a reveal: submissions that stand beside the official ranking and change nothing of it.
alter table submissions
    -- Taken in the benchmark phase, for the benchmark board; never an official entry.
    add column is_benchmark boolean not null default false;
create index submissions_benchmark_idx on submissions (track_id) where is_benchmark;

alter table tracks
    -- Since when there is a benchmark board; stays when the benchmark ends.
    add column benchmark_began_at timestamptz,
    -- How much a participant may send to it, within a UTC day and within 365 days from its beginning.
    add column benchmark_per_day  integer not null default 1,
    add column benchmark_per_year integer not null default 20,
    -- Counts the changes of the benchmark board.
    add column benchmark_version  bigint not null default 0,
    -- When it last changed, and the last event in the log then.
    add column benchmark_changed_at timestamptz,
    add column benchmark_log_seq    bigint,
    add constraint tracks_benchmark_limits_positive check (benchmark_per_day > 0 and benchmark_per_year > 0),
    add constraint tracks_benchmark_changed_after_it_began
        check ((benchmark_began_at is null) = (benchmark_changed_at is null));
