do $$
begin
    assert (select count(*) from participants) = 3, 'participants were lost or made';
    assert (select array_agg(name || ' ' || name_key || ' ' || status order by id) from participants)
        = array['Ada ada approved', 'Ada ada withdrawn', 'bob bob pending'], 'names or states were mixed up';
    assert (select count(*) from participant_members) = 3, 'each participant has one member';
    assert not exists (select from participant_members m join participants p on p.id = m.participant_id
                       join users u on u.id = m.user_id
                       where m.track_id <> p.track_id or p.name <> u.name), 'a member of somebody else''s participant';
    assert (select (terms_accepted_at, joined_at) from participant_members
            where participant_id = '00000000-0000-7000-8000-000000000030')
        = ('2026-11-05T00:00Z'::timestamptz, '2026-11-04T00:00Z'::timestamptz), 'dates were lost';
    assert (select participant_id from submissions) = '00000000-0000-7000-8000-000000000030', 'a submission changed hands';
    assert (select count(*) from entries) = 1, 'an entry was lost';
end $$;
