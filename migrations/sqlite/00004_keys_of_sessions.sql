-- Sessions of the API know the API key that they were made with: they end with it. As in migrations/postgres.

-- +goose Up
ALTER TABLE tokens ADD COLUMN key_id text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE tokens DROP COLUMN key_id;
