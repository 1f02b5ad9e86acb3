do $$
begin
    assert (select not bool_or(out_of_competition) from participants), 'somebody is marked without an event in the log';
    assert (select (changes, reason, participants, submissions) from official_rankings)
        = (array['reveal']::ranking_change[], null::text, 0, 0), 'why a ranking was made is another';
    assert (select ranking_due from tracks where slug = 'over') = array['rescored']::ranking_change[],
        'what a ranking waits for was lost';
    assert (select bool_and(ranking_due = '{}') from tracks where slug <> 'over'), 'a ranking is due that nobody needs';
    assert (select bool_and(place = 0) from tracks), 'tracks have an order that nobody gave them';
end $$;
