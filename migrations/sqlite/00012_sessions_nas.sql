-- The NAS that a session was opened through, as a hash: one that reboots ends its sessions. As in migrations/postgres.

-- +goose Up
ALTER TABLE sessions ADD COLUMN nas text NOT NULL DEFAULT '';
CREATE INDEX sessions_nas ON sessions (account_id, nas, id) WHERE open AND nas <> '';

-- +goose Down
DROP INDEX sessions_nas;
ALTER TABLE sessions DROP COLUMN nas;
