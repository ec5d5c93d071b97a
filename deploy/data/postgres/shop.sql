-- Roles, and the shop's database as its code expects it. Everything may be there already: then this is a restored
-- database, and only the passwords are set to what they are today.
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';

SELECT format('CREATE ROLE %I LOGIN', name)
FROM unnest(ARRAY['shop', 'backup', 'monitoring']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
\getenv shop_password SHOP_PASSWORD
ALTER ROLE shop PASSWORD :'shop_password';
-- Reads every table, for dumps, and writes none.
\getenv backup_password BACKUP_PASSWORD
ALTER ROLE backup PASSWORD :'backup_password';
GRANT pg_read_all_data TO backup;
-- Reads statistics, no table.
\getenv monitoring_password MONITORING_PASSWORD
ALTER ROLE monitoring PASSWORD :'monitoring_password';
GRANT pg_monitor TO monitoring;

SELECT 'CREATE DATABASE shop OWNER shop'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'shop') \gexec
REVOKE CONNECT ON DATABASE shop FROM PUBLIC;
GRANT CONNECT ON DATABASE shop TO backup, monitoring;

\connect shop
ALTER SCHEMA public OWNER TO shop;
SET ROLE shop;
SET client_min_messages = warning;
CREATE TABLE IF NOT EXISTS orders (
    id uuid PRIMARY KEY,
    item text,
    quantity int,
    status text,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz
);
