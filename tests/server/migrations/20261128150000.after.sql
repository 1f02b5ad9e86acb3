do $$
begin
    assert (select count(*) > 0 and bool_and(approved_at = created_at) from participants where status = 'approved'),
        'somebody takes part since another time than their enrolment';
    assert (select count(*) = 2 and bool_and(approved_at is null) from participants where name in ('wren', 'crow')),
        'somebody took part who never was approved';
    assert (select bool_and(status_reason is null and status_changed_at is null and status_before is null
                            and not status_by_participant) from participants), 'somebody gave a reason';
end $$;
