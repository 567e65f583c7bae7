-- AAA sessions. They are no configuration: no change counter, no change log.

-- +goose Up

-- hash is the SHA-256 of the SID, which is stored nowhere; id is derived of it. What is secret in body is
-- sealed. due_at is when the session next needs something done by itself; the node that claims it then holds it until lease_until.
CREATE TABLE sessions (
    account_id  text COLLATE "C" NOT NULL,
    hash        bytea NOT NULL,
    id          text COLLATE "C" NOT NULL,
    revision    bigint NOT NULL,
    state       text COLLATE "C" NOT NULL,
    open        boolean NOT NULL,
    body        text NOT NULL,
    due_at      timestamptz,
    lease_until timestamptz,
    node        text COLLATE "C" NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    PRIMARY KEY (account_id, hash)
);
CREATE UNIQUE INDEX sessions_id ON sessions (account_id, id);
CREATE INDEX sessions_due ON sessions (due_at);
CREATE INDEX sessions_ended ON sessions (ended_at);

-- +goose Down
DROP TABLE sessions;
