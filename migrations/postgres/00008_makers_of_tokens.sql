-- Tokens know who made them: what a revoked one made is revoked with it.

-- +goose Up

-- made_by is the id of the token or API key that asked, and made_by_account its account. Both are empty for a token
-- that the command made, or a version that did not keep its maker. made_by moves on to the maker's own maker where a maker is revoked alone.
ALTER TABLE tokens ADD COLUMN made_by text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN made_by_account text COLLATE "C" NOT NULL DEFAULT '';
-- Whether the token's text ends with a checksum. Versions that make none leave the default.
ALTER TABLE tokens ADD COLUMN checksum boolean NOT NULL DEFAULT false;
UPDATE tokens SET made_by = key_id, made_by_account = account_id WHERE key_id <> '';
CREATE UNIQUE INDEX tokens_id ON tokens (id);
CREATE INDEX tokens_made_by ON tokens (made_by);
-- Versions that keep no maker go on making sessions while nodes are upgraded.
CREATE INDEX tokens_without_maker ON tokens (key_id) WHERE made_by = '' AND key_id <> '';
CREATE INDEX tokens_without_checksum ON tokens (checksum) WHERE NOT checksum;

-- One row: the key of the checksums. Who knows it can make a node look up a token that is none, and no more.
CREATE TABLE token_key (
    id  integer PRIMARY KEY,
    key bytea NOT NULL
);
INSERT INTO token_key (id, key) VALUES (1, decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));

-- +goose Down
DROP TABLE token_key;
DROP INDEX tokens_without_checksum;
DROP INDEX tokens_without_maker;
DROP INDEX tokens_made_by;
DROP INDEX tokens_id;
ALTER TABLE tokens DROP COLUMN checksum;
ALTER TABLE tokens DROP COLUMN made_by_account;
ALTER TABLE tokens DROP COLUMN made_by;
