-- What the published marts need besides the bookkeeping tables. Applied by publish() when it is missing.

-- How the row hashes of each mart were made. They are made anew when columns or the server's version change.
create table if not exists publication.mart (
    mart text primary key,
    key_columns text[] not null,
    hash_basis text not null
);

-- Candidates whose rows are known to be those published, but for the rows noted since.
create table if not exists publication.candidate (
    mart text primary key,
    state text not null,                      -- the table, its file and its triggers
    hash_basis text not null
);

create table if not exists publication.candidate_change (
    mart text not null,
    key jsonb not null
);

-- Trigger of the candidates; arguments: the mart, and its key as arguments of jsonb_build_object.
create or replace function publication.note_change() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $body$
declare
    noted text := format('select %L, jsonb_build_object(%s) from ', tg_argv[0], tg_argv[1]);
    wanted text := 'insert into publication.candidate_change ';
begin
    if tg_op = 'INSERT' then
        execute wanted || noted || 'new_rows';
    elsif tg_op = 'DELETE' then
        execute wanted || noted || 'old_rows';
    else
        execute wanted || noted || 'new_rows union ' || noted || 'old_rows';
    end if;
    return null;
end
$body$;

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
