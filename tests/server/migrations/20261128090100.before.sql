-- A final score and its entry, as no version of the program made them, but as the schema allowed; and a job.
insert into scorings (id, submission_id, split, scorer_version, scored_at, average, ranking, interval_low, interval_high,
                      scenarios, replicates) values
    ('00000000-0000-7000-8000-000000000051', '00000000-0000-7000-8000-000000000040', 'final', 'callimico 0.1.0',
     '2026-11-09T00:00Z', 0.4, '{}', 0.3, 0.5, '[]', '');
insert into entries values
    ('00000000-0000-7000-8000-000000000030', 'final', '00000000-0000-7000-8000-000000000020',
     '00000000-0000-7000-8000-000000000040', '00000000-0000-7000-8000-000000000051');
insert into submissions (id, track_id, participant_id, state, received_at, size, sha256) values
    ('00000000-0000-7000-8000-000000000041', '00000000-0000-7000-8000-000000000020',
     '00000000-0000-7000-8000-000000000030', 'queued', '2026-11-09T00:00Z', 100, sha256('b'));
insert into jobs (submission_id, split, attempts, errors, run_after, created_at) values
    ('00000000-0000-7000-8000-000000000041', 'dev', 2, 1, '2026-11-09T00:00Z', '2026-11-09T00:00Z');
