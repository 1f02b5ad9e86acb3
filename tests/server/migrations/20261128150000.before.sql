-- Somebody who waits in an open track, and somebody who was denied before they sent anything.
insert into participants (id, track_id, name, name_key, status, created_at) values
    ('00000000-0000-7000-8000-000000000038', '00000000-0000-7000-8000-000000000021', 'wren', 'wren', 'pending',
     '2026-11-08T00:00Z'),
    ('00000000-0000-7000-8000-000000000039', '00000000-0000-7000-8000-000000000021', 'crow', 'crow', 'denied',
     '2026-11-09T00:00Z');
