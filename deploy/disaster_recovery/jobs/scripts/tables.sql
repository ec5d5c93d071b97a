-- One line of JSON a table: how many rows, and a checksum that does not depend on their order.
SELECT format(
    'SELECT json_build_object(''table'', %L, ''rows'', count(*), '
    '''checksum'', coalesce(sum(hashtextextended(t::text, 0)), 0)::text) FROM %I.%I AS t',
    schemaname || '.' || tablename, schemaname, tablename)
FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
ORDER BY schemaname, tablename \gexec
