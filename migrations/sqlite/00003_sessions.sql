-- AAA sessions. They are no configuration: no change counter, no change log.
-- The same table as migrations/postgres.

-- +goose Up

-- hash is the SHA-256 of the SID, which is stored nowhere; id is derived of it. What is secret in body is
-- sealed. due_at is when the session next needs something done by itself; the node that claims it then holds it until lease_until.
CREATE TABLE sessions (
    account_id  text NOT NULL,
    hash        blob NOT NULL,
    id          text NOT NULL,
    revision    bigint NOT NULL,
    state       text NOT NULL,
    open        boolean NOT NULL,
    body        text NOT NULL,
    due_at      timestamp,
    lease_until timestamp,
    node        text NOT NULL,
    created_at  timestamp NOT NULL,
    updated_at  timestamp NOT NULL,
    ended_at    timestamp,
    PRIMARY KEY (account_id, hash)
);
CREATE UNIQUE INDEX sessions_id ON sessions (account_id, id);
CREATE INDEX sessions_due ON sessions (due_at);
CREATE INDEX sessions_ended ON sessions (ended_at);

-- +goose Down
DROP TABLE sessions;
