-- Accounting records until a server has taken them, what became of all of them, and the answers to requests that came with an
-- Idempotency-Key. They are no configuration: no change counter, no change log, and no transaction writes them together with
-- configuration, so that an engine may distribute each of the tables by account_id.

-- +goose Up

-- kind is 0 start, 1 interim, 2 stop, 3 other; state is 0 waiting, 1 parked. The waiting records of one session are delivered in
-- the order of kind and id; line is a hash of account and session, 0 for a record of none. payload is sealed. due_at is when a
-- waiting record is tried next; the node that claims it then holds it until lease_until. attempts is a JSON array of the last attempts,
-- server the one that the last of them asked.
CREATE TABLE spool (
    account_id      text COLLATE "C" NOT NULL,
    id              text COLLATE "C" NOT NULL,
    revision        bigint NOT NULL,
    kind            smallint NOT NULL,
    session         text COLLATE "C" NOT NULL,
    line            bigint NOT NULL,
    digest          text COLLATE "C" NOT NULL,
    state           smallint NOT NULL,
    payload         text NOT NULL,
    acct_session_id text COLLATE "C" NOT NULL,
    user_name       text COLLATE "C" NOT NULL,
    event_at        timestamptz NOT NULL,
    received_at     timestamptz NOT NULL,
    keep_until      timestamptz NOT NULL,
    parked_at       timestamptz,
    due_at          timestamptz,
    lease_until     timestamptz,
    node            text COLLATE "C" NOT NULL,
    tries           bigint NOT NULL,
    attempts        text NOT NULL,
    server          text COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, id)
);
-- As that of sessions, which migration 9 explains. There is none of all accounts: each index makes a record dearer to store, and few
-- accounts have records at a time.
CREATE INDEX spool_ready_by_account ON spool (account_id, (CASE WHEN lease_until > due_at THEN lease_until ELSE due_at END))
    WHERE (CASE WHEN lease_until > due_at THEN lease_until ELSE due_at END) IS NOT NULL;
-- What a session has, what waits of it first. A hash makes it half as large as the names would. account_id is in it for planners alone,
-- which else may look by an index that begins with it.
CREATE INDEX spool_session ON spool (line, account_id, state, kind, id) WHERE line <> 0;
-- How old what waits is. The condition means state = 0 and is different, so that no planner takes this index, in which all that an
-- account has waiting may stand, to look for one record.
CREATE INDEX spool_oldest ON spool (account_id, received_at) WHERE parked_at IS NULL;
-- What servers did not take. Records that were never tried are not in it.
CREATE INDEX spool_server ON spool (account_id, server, received_at) WHERE server <> '' AND state = 0;

-- The ledger: what happened to an account's records is the sum of its rows, written in the transactions in which it happens. It is in
-- parts so that nodes which write records of one account at once don't wait for each other. Numbers of one part may be negative: one
-- transaction parks a record in one part, and another has it wait again in another. octets are those of the records that are there.
CREATE TABLE spool_counts (
    account_id   text COLLATE "C" NOT NULL,
    part         bigint NOT NULL,
    acknowledged bigint NOT NULL,
    parked       bigint NOT NULL,
    delivered    bigint NOT NULL,
    replaced     bigint NOT NULL,
    dropped      bigint NOT NULL,
    octets       bigint NOT NULL,
    PRIMARY KEY (account_id, part)
) WITH (fillfactor = 50);

-- key and request are SHA-256. answer is sealed, and empty while the node that claimed the request runs it, which is over at
-- claim_until at the latest.
CREATE TABLE idempotency (
    account_id  text COLLATE "C" NOT NULL,
    key         bytea NOT NULL,
    request     bytea NOT NULL,
    node        text COLLATE "C" NOT NULL,
    claim_until timestamptz,
    answer      text NOT NULL,
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (account_id, key)
);
CREATE INDEX idempotency_expires ON idempotency (expires_at);

-- +goose Down
DROP TABLE idempotency;
DROP TABLE spool_counts;
DROP TABLE spool;
