-- The shop's database, as its code expects it (it creates the table itself where it is missing).
\getenv shop_password SHOP_PASSWORD
CREATE ROLE shop LOGIN PASSWORD :'shop_password';
CREATE DATABASE shop OWNER shop;
REVOKE CONNECT ON DATABASE shop FROM PUBLIC;

\connect shop
ALTER SCHEMA public OWNER TO shop;
SET ROLE shop;
CREATE TABLE orders (
    id uuid PRIMARY KEY,
    item text,
    quantity int,
    status text,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz
);
