-- Participants that stand on boards without a rank, such as organisers with their baselines; and what the results of a
-- track say beside its ranking.

alter table participants
    -- On boards without a rank: it takes none from anybody and wins nothing. Whoever is staff already is marked by the server,
    -- with an event in the log.
    add column out_of_competition boolean not null default false;
-- Null: out of competition.
alter table ranked_entries alter column rank drop not null;

-- A value that is added to a type cannot be used in the same transaction, so the type is made anew.
create type ranking_change_new as enum
    ('reveal', 'disqualified', 'restored', 'removed', 'returned', 'rescored', 'competes');

alter table official_rankings
    add column changes ranking_change_new[],
    -- Why, in public words, where somebody gave any.
    add column reason text,
    -- Whoever had a scored submission that counts, and those submissions, when it was made.
    add column participants integer,
    add column submissions integer;
update official_rankings r set
    changes = array[change::text::ranking_change_new],
    (participants, submissions) = (
        select count(distinct p.id), count(*)
        from submissions s join participants p on p.id = s.participant_id and p.status = 'approved'
        where s.track_id = r.track_id and s.state = 'scored' and s.disqualified_at is null);
alter table official_rankings
    alter column changes set not null,
    alter column participants set not null,
    alter column submissions set not null,
    add constraint official_rankings_changed check (cardinality(changes) > 0),
    drop column change;

-- All that made a newer official ranking necessary, in the order in which it happened.
alter table tracks
    alter column ranking_due type ranking_change_new[]
        using case when ranking_due is null then '{}' else array[ranking_due::text::ranking_change_new] end,
    alter column ranking_due set default '{}',
    alter column ranking_due set not null,
    -- The place among the competition's tracks; equal ones in the order in which they were made.
    add column place integer not null default 0;
drop type ranking_change;
alter type ranking_change_new rename to ranking_change;
