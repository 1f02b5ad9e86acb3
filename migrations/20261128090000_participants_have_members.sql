-- A participant is one person, or several who enter together. Submissions and entries were its own already; now it has a
-- public name of its own too, and whose participant somebody is stands in a table of members.

alter table participants
    -- On boards: the account's name where one person takes part.
    add column name     text,
    -- The name folded for comparison, so that no two on one board can be taken for each other.
    add column name_key text;
update participants p set name = u.name, name_key = u.name_key from users u where u.id = p.user_id;
alter table participants
    alter column name set not null,
    alter column name_key set not null,
    add constraint participants_track_name_key unique (track_id, name_key),
    add constraint participants_id_track_key unique (id, track_id);

create table participant_members (
    participant_id    uuid        not null,
    -- The participant's own, so that the database can hold a person to one participant a track.
    track_id          uuid        not null,
    -- An account that is deleted leaves; what the participant sent and reached stays.
    user_id           uuid        not null references users on delete cascade,
    terms_accepted_at timestamptz not null,
    joined_at         timestamptz not null,
    primary key (participant_id, user_id),
    constraint participant_members_track_user_key unique (track_id, user_id),
    constraint participant_members_participant_fkey
        foreign key (participant_id, track_id) references participants (id, track_id) on delete cascade
);
create index participant_members_user_id_idx on participant_members (user_id);
insert into participant_members (participant_id, track_id, user_id, terms_accepted_at, joined_at)
    select id, track_id, user_id, terms_accepted_at, created_at from participants;

alter table participants drop column user_id, drop column terms_accepted_at;
