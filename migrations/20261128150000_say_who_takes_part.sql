-- What organisers decided of a participant, or a participant of themself, and why: shown to both, and in no log.
alter table participants
    -- Why the status is what it is; null where nobody said.
    add column status_reason      text,
    -- When it last changed; null while it is what it was at the enrolment.
    add column status_changed_at  timestamptz,
    -- Whether the participant changed it, and no organiser.
    add column status_by_participant boolean not null default false,
    -- What it was before the participant was denied or withdrew; null in every other status.
    add column status_before      participant_status,
    -- Since when the participant takes part, or did; null of those who never were approved.
    add column approved_at        timestamptz;
update participants p set approved_at = created_at
where status = 'approved' or exists (select from submissions s where s.participant_id = p.id);
create index participants_track_created_idx on participants (track_id, created_at, id);
