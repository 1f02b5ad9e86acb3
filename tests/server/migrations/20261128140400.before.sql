-- A submission that was sent with the address of its method.
update submissions set method_url = 'https://example.org/method'
where id = (select id from submissions order by id limit 1);
