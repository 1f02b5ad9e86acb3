do $$
begin
    assert (select array_agg(state || ' ' || n order by state) from (select state::text, count(*) as n from submissions
            group by state) as counted) = array['failed 1', 'queued 3', 'rejected 1', 'scored 2', 'scoring 1'],
        'a state was lost or bent';
    assert enum_range(null::submission_state)::text[] = array['queued', 'scoring', 'scored', 'rejected', 'failed'],
        'the states are others';
    assert exists (select from pg_constraint where conname = 'submissions_rejected_has_problems'), 'a check was lost';
    assert exists (select from pg_indexes where indexname = 'submissions_unfinished_idx'), 'an index was lost';
    assert (select (name, size, is_bundle, is_verbatim) from release_files) = ('all.tar'::text, 10::bigint, true, false),
        'a file was lost or bent';
    assert (select (path, begins, size, sha256) from packed_files) = ('dev/model.onnx'::text, 3::bigint, 7::bigint, sha256('f')),
        'a packed file was lost or bent';
end $$;
