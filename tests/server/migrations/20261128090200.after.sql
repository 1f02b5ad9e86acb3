do $$
begin
    assert (select array_agg(state || ' ' || n order by state) from (select state::text, count(*) as n from submissions
            group by state) as counted) = array['failed 1', 'queued 3', 'rejected 1', 'scored 2', 'scoring 1'],
        'a state was lost or bent';
    assert enum_range(null::submission_state)::text[] = array['queued', 'scoring', 'scored', 'rejected', 'failed'],
        'the states are others';
    assert exists (select from pg_constraint where conname = 'submissions_rejected_has_problems'), 'a check was lost';
    assert exists (select from pg_indexes where indexname = 'submissions_unfinished_idx'), 'an index was lost';
    assert (select count(*) from release_files) = 1, 'a file was lost';
end $$;
