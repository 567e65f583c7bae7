-- Clients: documents of network devices, and the networks that accounts may have them in.
-- The same tables as migrations/postgres.

-- +goose Up

-- network is the prefix of a client's addresses as a text that sorts; NULL without one. Prefixes nest: one that overlaps another begins
-- inside it, or is one of the few that hold it.
CREATE TABLE clients (
    account_id  text NOT NULL,
    name        text NOT NULL,
    revision    bigint NOT NULL,
    body        text NOT NULL,
    network     text,
    certificate text,
    created_at  timestamp NOT NULL,
    updated_at  timestamp NOT NULL,
    PRIMARY KEY (account_id, name)
);
CREATE INDEX clients_network ON clients (network) WHERE network IS NOT NULL;
CREATE UNIQUE INDEX clients_certificate ON clients (certificate) WHERE certificate IS NOT NULL;

ALTER TABLE accounts ADD COLUMN client_networks text;

-- +goose Down
ALTER TABLE accounts DROP COLUMN client_networks;
DROP TABLE clients;
