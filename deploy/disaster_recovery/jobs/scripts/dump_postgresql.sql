-- The dump and the figures it is checked against are of one snapshot, whatever is written meanwhile.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT pg_export_snapshot() AS snapshot, pg_current_wal_lsn() AS lsn \gset
\setenv SNAPSHOT :snapshot
\! pg_dump --format=custom --snapshot="$SNAPSHOT" --file=unfinished && mv unfinished dump
\o tables
\ir tables.sql
\o lsn
\qecho :lsn
COMMIT;
