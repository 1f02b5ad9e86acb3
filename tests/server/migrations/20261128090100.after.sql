do $$
begin
    assert (select array_agg(scoring_id) from entries) = array['00000000-0000-7000-8000-000000000050'::uuid],
        'the dev entry stands, and it alone';
    assert (select count(*) from scorings) = 2, 'a score was lost';
    assert (select (attempts, errors, failed_at is null, last_error is null) from jobs) = (2, 1, true, true),
        'a waiting job was bent';
    assert (select count(*) from tracks where entries_frozen_at is null and final_begun_at is null) = 2,
        'nothing is frozen that nobody froze';
    assert (select count(*) from official_entries) = 0, 'nothing is official that nobody froze';
end $$;
