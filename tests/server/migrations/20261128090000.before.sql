-- Two people in two tracks, in every state an enrolment can be in, one with a submission, a score and an entry.
insert into users (id, name, name_key, created_at) values
    ('00000000-0000-7000-8000-000000000001', 'Ada', 'ada', '2026-11-01T00:00Z'),
    ('00000000-0000-7000-8000-000000000002', 'bob', 'bob', '2026-11-02T00:00Z');
insert into competitions (id, slug, title, created_at) values
    ('00000000-0000-7000-8000-000000000010', 'mico', 'MICO', '2026-11-01T00:00Z');
insert into organisers values ('00000000-0000-7000-8000-000000000010', '00000000-0000-7000-8000-000000000002');
insert into tracks (id, competition_id, slug, title, phase, shape, limit_per_day, limit_total, limit_bytes, entry_rule,
                    needs_approval, board_changed_at, created_at)
select id::uuid, '00000000-0000-7000-8000-000000000010', slug, slug, phase::track_phase, '{}', 30, 1000, 2000000, 'latest',
       false, '2026-11-01T00:00Z', '2026-11-01T00:00Z'
from (values ('00000000-0000-7000-8000-000000000020', 'open', 'open'),
             ('00000000-0000-7000-8000-000000000021', 'over', 'revealed')) as t (id, slug, phase);
insert into participants (id, track_id, user_id, status, terms_accepted_at, created_at) values
    ('00000000-0000-7000-8000-000000000030', '00000000-0000-7000-8000-000000000020',
     '00000000-0000-7000-8000-000000000001', 'approved', '2026-11-05T00:00Z', '2026-11-04T00:00Z'),
    ('00000000-0000-7000-8000-000000000031', '00000000-0000-7000-8000-000000000021',
     '00000000-0000-7000-8000-000000000001', 'withdrawn', '2026-11-06T00:00Z', '2026-11-06T00:00Z'),
    ('00000000-0000-7000-8000-000000000032', '00000000-0000-7000-8000-000000000020',
     '00000000-0000-7000-8000-000000000002', 'pending', '2026-11-07T00:00Z', '2026-11-07T00:00Z');
insert into submissions (id, track_id, participant_id, state, received_at, size, sha256, idempotency_key) values
    ('00000000-0000-7000-8000-000000000040', '00000000-0000-7000-8000-000000000020',
     '00000000-0000-7000-8000-000000000030', 'scored', '2026-11-08T00:00Z', 100, sha256('a'), 'key');
insert into scorings (id, submission_id, split, scorer_version, scored_at, average, ranking, interval_low, interval_high,
                      scenarios, replicates) values
    ('00000000-0000-7000-8000-000000000050', '00000000-0000-7000-8000-000000000040', 'dev', 'callimico 0.1.0',
     '2026-11-08T00:00Z', 0.5, '{}', 0.4, 0.6, '[]', '');
insert into entries values
    ('00000000-0000-7000-8000-000000000030', 'dev', '00000000-0000-7000-8000-000000000020',
     '00000000-0000-7000-8000-000000000040', '00000000-0000-7000-8000-000000000050');
