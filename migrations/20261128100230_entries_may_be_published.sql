-- Whether the terms say that zips of official entries are published once the labels are opened. Of tracks that are there
-- nobody agreed to that.
alter table tracks add column publish_entries boolean not null default false;
