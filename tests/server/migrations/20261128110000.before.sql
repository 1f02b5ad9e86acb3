-- A public ranking with a newer one due, and an organiser who takes part in its track as well as in an open one.
update tracks set entries_frozen_at = '2026-11-20T00:00Z', final_begun_at = '2026-11-21T00:00Z', ranking_version = 1,
                  ranking_due = 'rescored' where slug = 'over';
insert into official_rankings (track_id, version, made_at, log_seq, change, ranking, results) values
    ('00000000-0000-7000-8000-000000000021', 1, '2026-11-22T00:00Z', 7, 'reveal', '{}', '{}');
insert into participants (id, track_id, name, name_key, status, created_at) values
    ('00000000-0000-7000-8000-000000000033', '00000000-0000-7000-8000-000000000021', 'bob', 'bob', 'approved',
     '2026-11-07T00:00Z');
insert into participant_members (participant_id, track_id, user_id, terms_accepted_at, joined_at) values
    ('00000000-0000-7000-8000-000000000033', '00000000-0000-7000-8000-000000000021',
     '00000000-0000-7000-8000-000000000002', '2026-11-07T00:00Z', '2026-11-07T00:00Z');
