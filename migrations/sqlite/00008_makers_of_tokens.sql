-- Tokens know who made them: what a revoked one made is revoked with it. As in migrations/postgres, whose comments explain it.

-- +goose Up
ALTER TABLE tokens ADD COLUMN made_by text NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN made_by_account text NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN checksum boolean NOT NULL DEFAULT false;
UPDATE tokens SET made_by = key_id, made_by_account = account_id WHERE key_id <> '';
CREATE UNIQUE INDEX tokens_id ON tokens (id);
CREATE INDEX tokens_made_by ON tokens (made_by);
CREATE INDEX tokens_without_maker ON tokens (key_id) WHERE made_by = '' AND key_id <> '';
CREATE INDEX tokens_without_checksum ON tokens (checksum) WHERE NOT checksum;

CREATE TABLE token_key (
    id  integer PRIMARY KEY,
    key blob NOT NULL
);
INSERT INTO token_key (id, key) VALUES (1, randomblob(32));

-- +goose Down
DROP TABLE token_key;
DROP INDEX tokens_without_checksum;
DROP INDEX tokens_without_maker;
DROP INDEX tokens_made_by;
DROP INDEX tokens_id;
ALTER TABLE tokens DROP COLUMN checksum;
ALTER TABLE tokens DROP COLUMN made_by_account;
ALTER TABLE tokens DROP COLUMN made_by;
