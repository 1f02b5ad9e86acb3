-- Competitions, their tracks, and who takes part in or runs them.

create table competitions (
    id          uuid        primary key,
    slug        text        not null,
    title       text        not null,
    description text        not null default '',
    created_at  timestamptz not null,
    constraint competitions_slug_key unique (slug)
);

create table organisers (
    competition_id uuid not null references competitions on delete cascade,
    user_id        uuid not null references users on delete cascade,
    primary key (competition_id, user_id)
);

create type track_phase as enum ('draft', 'open', 'closed', 'revealed', 'benchmark');
create type entry_rule as enum ('latest', 'best', 'chosen');
create type split as enum ('train', 'dev', 'final');

create table tracks (
    id              uuid        primary key,
    competition_id  uuid        not null references competitions on delete cascade,
    slug            text        not null,
    title           text        not null,
    description     text        not null default '',
    phase           track_phase not null default 'draft',
    opens_at        timestamptz,
    closes_at       timestamptz,
    -- What an upload is checked against: scenarios, splits, target models, challenge points.
    shape           jsonb       not null,
    -- {scenario: {label, epsilon}}, for people.
    scenario_labels jsonb       not null default '{}',
    -- {overview, evaluation, data, terms}: Markdown.
    pages           jsonb       not null default '{}',
    limit_per_day   integer     not null,
    limit_total     integer     not null,
    limit_bytes     bigint      not null,
    entry_rule      entry_rule  not null,
    needs_approval  boolean     not null,
    -- Counts the changes of the public board; the board's ETag and cache stand on it.
    board_version   bigint      not null default 0,
    board_changed_at timestamptz not null,
    created_at      timestamptz not null,
    constraint tracks_competition_slug_key unique (competition_id, slug),
    constraint tracks_limits_positive check (limit_per_day > 0 and limit_total > 0 and limit_bytes > 0),
    constraint tracks_dates_in_order check (opens_at is null or closes_at is null or opens_at < closes_at)
);

-- The hidden truth, one row a target model: a byte a challenge point, 1 for a member, in their order.
-- Rows of the final split may be missing until the close.
create table solutions (
    track_id   uuid  not null references tracks on delete cascade,
    split      split not null,
    scenario   text  not null,
    model      text  not null,
    membership bytea not null,
    primary key (track_id, split, scenario, model)
);

create type participant_status as enum ('pending', 'approved', 'denied', 'withdrawn');

create table participants (
    id                uuid               primary key,
    track_id          uuid               not null references tracks on delete cascade,
    user_id           uuid               not null references users on delete cascade,
    status            participant_status not null,
    terms_accepted_at timestamptz        not null,
    created_at        timestamptz        not null,
    constraint participants_track_user_key unique (track_id, user_id)
);
create index participants_user_id_idx on participants (user_id);
