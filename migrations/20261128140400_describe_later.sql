-- Owners may say of a submission where its method is described after it was sent.

alter table submissions
    -- When the address was given or changed after the submission had arrived; null: it stands as it was sent.
    add column method_url_at timestamptz;
alter table submissions
    add constraint submissions_method_url_at check (method_url_at is null or method_url is not null);
