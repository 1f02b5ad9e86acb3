-- The words of docs/ARCHITECTURE.md. "Member" means one thing in this program, a record that a model was trained on, so a
-- file in an archive is a packed file.

alter table release_members rename to packed_files;
alter table packed_files rename constraint release_members_pkey to packed_files_pkey;
alter table packed_files rename constraint release_members_file_id_fkey to packed_files_file_id_fkey;
alter table packed_files rename constraint release_members_not_negative to packed_files_not_negative;
alter table packed_files rename constraint release_members_sha256_length to packed_files_sha256_length;
alter table release_files rename column is_whole to is_bundle;
alter table release_files rename column is_as_it_is to is_verbatim;

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
