-- A submission in each state there was, and a release with a file within.
insert into submissions (id, track_id, participant_id, state, received_at, size, sha256, problems)
select gen_random_uuid(), '00000000-0000-7000-8000-000000000020', '00000000-0000-7000-8000-000000000030', state,
       '2026-11-10T00:00Z', 1, sha256('c'), case when state = 'rejected' then '{"shown": [], "total": 0}'::jsonb end
from unnest(enum_range(null::submission_state)) as state;
insert into release_files (id, track_id, position, name, size, sha256, fingerprint, is_whole, is_as_it_is, released_at)
values ('00000000-0000-7000-8000-000000000060', '00000000-0000-7000-8000-000000000020', 0, 'all.tar', 10, sha256('d'),
        sha256('e'), true, false, '2026-11-10T00:00Z');
insert into release_members values ('00000000-0000-7000-8000-000000000060', 'dev/model.onnx', 3, 7, sha256('f'));
