-- What an account may use and reach, as accounts above it set. limits is a JSON object of values by their names,
-- server_networks a JSON array of prefixes; NULL sets none.

-- +goose Up
ALTER TABLE accounts ADD COLUMN limits text;
ALTER TABLE accounts ADD COLUMN server_networks text;

-- How many sessions of an account are not ended, and how many are stored; there is no row before its first one.
CREATE TABLE session_counts (
    account_id text COLLATE "C" PRIMARY KEY,
    live       bigint NOT NULL,
    stored     bigint NOT NULL,
    counted_at timestamptz NOT NULL
);

-- +goose Down
DROP TABLE session_counts;
ALTER TABLE accounts DROP COLUMN server_networks;
ALTER TABLE accounts DROP COLUMN limits;
