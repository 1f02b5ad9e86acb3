-- Labels of a track that is open, and a job for the final split that was given up.
insert into solutions (track_id, split, scenario, model, membership)
    select id, 'dev', 'hi', 'model_1', '\x0001' from tracks where phase = 'open';
