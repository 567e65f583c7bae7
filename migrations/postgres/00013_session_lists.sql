-- Lists of sessions by user and by stage.

-- +goose Up

-- user_hash is a hash of the user's name, which may be too long for an index. It is empty in rows of versions that wrote none: a list by
-- user looks at those too. internal/store/sqlstore repeats the expression of the stage.
ALTER TABLE sessions ADD COLUMN user_hash text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN suspended boolean NOT NULL DEFAULT false;
CREATE INDEX sessions_user ON sessions (user_hash, account_id, id);
CREATE INDEX sessions_stage ON sessions ((CASE WHEN state <> 'completed' THEN state WHEN open AND suspended THEN 'suspended' WHEN open THEN 'open'
    WHEN ended_at IS NOT NULL THEN 'closed' ELSE state END), account_id, id);

-- +goose Down
DROP INDEX sessions_stage;
DROP INDEX sessions_user;
ALTER TABLE sessions DROP COLUMN suspended;
ALTER TABLE sessions DROP COLUMN user_hash;
