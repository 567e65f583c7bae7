-- Bans: points for refused logins and what came of them, shared by all nodes.

-- +goose Up

-- Transactions that write bans take this row first, so that their numbers become visible in order.
CREATE TABLE ban_counter (
    id  integer PRIMARY KEY,
    seq bigint NOT NULL
);
INSERT INTO ban_counter (id, seq) VALUES (1, 0);

-- id is a MAC of who is scored; key_name and value show it, of a ban alone. until is NULL if there is no ban.
-- Points and bans before lifted_at are void.
CREATE TABLE bans (
    account_id  text COLLATE "C" NOT NULL,
    id          text COLLATE "C" NOT NULL,
    document_id text COLLATE "C" NOT NULL,
    key_name    text NOT NULL,
    value       text NOT NULL,
    score       bigint NOT NULL,
    last_at     timestamptz,
    banned_at   timestamptz,
    until       timestamptz,
    lifted_at   timestamptz,
    author      text NOT NULL,
    reason      text NOT NULL,
    expires_at  timestamptz NOT NULL,
    seq         bigint NOT NULL,
    PRIMARY KEY (account_id, id)
);
CREATE INDEX bans_seq ON bans (seq);
CREATE INDEX bans_expires ON bans (expires_at);
CREATE INDEX bans_banned ON bans (account_id, id) WHERE until IS NOT NULL;

-- The last list that each node has written, so that one whose answer was lost is not added twice.
CREATE TABLE ban_writers (
    node   text COLLATE "C" PRIMARY KEY,
    number bigint NOT NULL,
    at     timestamptz NOT NULL
);

-- +goose Down
DROP TABLE ban_writers;
DROP TABLE bans;
DROP TABLE ban_counter;
