-- A realm is unique below the account above the one that has it, which the writes see to: accounts of others may have it too.

-- +goose Up
DROP INDEX accounts_realm;
CREATE INDEX accounts_realm ON accounts (realm);

-- closed keeps a users file from the documents of accounts below.
ALTER TABLE texts ADD COLUMN closed boolean NOT NULL DEFAULT false;

-- +goose Down
ALTER TABLE texts DROP COLUMN closed;
-- It fails where accounts of several tenants have one realm: clear all but one first.
DROP INDEX accounts_realm;
CREATE UNIQUE INDEX accounts_realm ON accounts (realm);
