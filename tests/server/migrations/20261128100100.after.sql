do $$
begin
    assert (select count(*) from label_versions) = (select count(*) from tracks where phase <> 'draft'),
        'every track that has opened has its first version of the labels';
    assert (select count(*) from label_versions where root is not null) = 0, 'a commitment that nobody made';
    assert (select bool_and(version = 1 and salt is null) from solutions), 'labels were bent';
    assert (select count(*) from solutions where membership = '\x0001')
        = (select count(*) from tracks where phase = 'open'), 'labels were lost';
    assert (select (attempts, errors, batch_id is null) from jobs) = (2, 1, true), 'a waiting job was bent';
    assert (select bool_and(labels_version = 1 and ranking_version = 0) from tracks), 'a ranking that nobody made';
    assert (select bool_and(labels_version = 1) from scorings), 'a score is of other labels than it was made with';
end $$;
