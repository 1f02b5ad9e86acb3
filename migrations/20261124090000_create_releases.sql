-- What participants are given, and who fetched it.

-- What participants are to find out; decides which files of dev and final models may leave.
create type track_kind as enum ('membership', 'dp_distinguisher');
alter table tracks
    add column kind             track_kind not null default 'membership',
    -- Where the track was imported from, on the machine that did it.
    add column source_directory text;

-- The files of a track's release: those that stand here are the ones participants see.
create table release_files (
    -- Another content is another id, so an address never leads to other bytes than it did.
    id          uuid        primary key,
    track_id    uuid        not null references tracks on delete cascade,
    -- Its place in the list.
    position    integer     not null,
    name        text        not null,
    scenario    text,
    split       split,
    size        bigint      not null,
    sha256      bytea       not null,
    -- Hash of the names, sizes and times of what it was made from: where they are the same, it is not made again.
    fingerprint bytea       not null,
    -- The other files hold what is in this one, too.
    is_whole    boolean     not null,
    -- Taken as the organiser had it, and not made here.
    is_as_it_is boolean     not null,
    released_at timestamptz not null,
    constraint release_files_track_name_key unique (track_id, name),
    constraint release_files_size_not_negative check (size >= 0),
    constraint release_files_sha256_length check (octet_length(sha256) = 32),
    constraint release_files_fingerprint_length check (octet_length(fingerprint) = 32)
);

-- The single files within the archives: each is a run of bytes of its archive.
create table release_members (
    file_id uuid   not null references release_files on delete cascade,
    path    text   not null,
    begins  bigint not null,
    size    bigint not null,
    sha256  bytea  not null,
    primary key (file_id, path),
    constraint release_members_not_negative check (begins >= 0 and size >= 0),
    constraint release_members_sha256_length check (octet_length(sha256) = 32)
);

-- Downloads begun at a file's first byte: going on after a cut is not another one. By name, so that the count
-- outlives a file that is made anew.
create table downloads (
    track_id uuid        not null references tracks on delete cascade,
    name     text        not null,
    user_id  uuid        not null references users on delete cascade,
    times    bigint      not null,
    last_at  timestamptz not null,
    primary key (track_id, name, user_id)
);

-- Signs the addresses of downloads. All processes of an instance must have the same key, so it lies here; by itself it
-- opens nothing, because every request also asks whether the enrolment still stands.
alter table instance
    add column link_key bytea not null
        default uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()),
    add constraint instance_link_key_length check (octet_length(link_key) >= 32);
