-- What the published marts need besides the bookkeeping tables. Applied by publish() when it is missing.

-- How the row hashes of each mart were made. They are made anew when columns or the server's version change.
create table if not exists publication.mart (
    mart text primary key,
    key_columns text[] not null,
    hash_basis text not null
);

-- The publication that this transaction reads, one row. A transaction keeps the publication that was current when
-- it began, so that two statements in it never see two; the setting reads as of an older one.
create or replace view publication.current as
select
    least(
        nullif(current_setting('statloom.publication', true), '')::integer,
        coalesce(
            (
                select max(p.publication_id)
                from publication.publication p
                where p.published_at <= transaction_timestamp()
                    and p.publication_id <= (select publication_id from publication.pointer)
            ),
            0
        )
    ) as publication_id;
