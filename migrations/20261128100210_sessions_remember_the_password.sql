-- When the password was given last in a session: at its log-in, or where a page asked for it again. What cannot be
-- undone takes one that was given a moment ago.
alter table sessions add column password_given_at timestamptz;
update sessions set password_given_at = created_at;
alter table sessions alter column password_given_at set not null;
