do $$
begin
    assert (select count(*) > 0 and bool_and(not is_benchmark) from submissions), 'somebody sent to a benchmark';
    assert (select count(*) > 0 and bool_and(benchmark_began_at is null and benchmark_version = 0
            and (benchmark_per_day, benchmark_per_year) = (1, 20)) from tracks), 'a benchmark has begun';
end $$;
