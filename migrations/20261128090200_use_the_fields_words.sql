-- Nothing was ever `received`: a submission is queued or rejected when its row is written.
update submissions set state = 'queued' where state = 'received';
drop index submissions_unfinished_idx;
alter table submissions drop constraint submissions_rejected_has_problems;
alter type submission_state rename to old_submission_state;
create type submission_state as enum ('queued', 'scoring', 'scored', 'rejected', 'failed');
alter table submissions alter column state type submission_state using state::text::submission_state;
drop type old_submission_state;
alter table submissions
    add constraint submissions_rejected_has_problems check ((state = 'rejected') = (problems is not null));
create index submissions_unfinished_idx on submissions (received_at) where state in ('queued', 'scoring');
