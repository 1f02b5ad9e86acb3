do $$
begin
    assert (select array_agg(id order by id) from participants where out_of_competition)
        = array['00000000-0000-7000-8000-000000000032']::uuid[],
        'organisers stand out of competition, but not in a ranking that is public, and nobody else does';
    assert (select (changes, reason, participants, submissions) from official_rankings)
        = (array['reveal']::ranking_change[], null::text, 0, 0), 'why a ranking was made is another';
    assert (select ranking_due from tracks where slug = 'over') = array['rescored']::ranking_change[],
        'what a ranking waits for was lost';
    assert (select bool_and(ranking_due = '{}') from tracks where slug <> 'over'), 'a ranking is due that nobody needs';
    assert (select bool_and(place = 0) from tracks), 'tracks have an order that nobody gave them';
end $$;
