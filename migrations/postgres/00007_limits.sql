-- What an account may use and reach, as accounts above it set. limits is a JSON object of values by their names,
-- server_networks a JSON array of prefixes; NULL sets none.

-- +goose Up
ALTER TABLE accounts ADD COLUMN limits text;
ALTER TABLE accounts ADD COLUMN server_networks text;

-- +goose Down
ALTER TABLE accounts DROP COLUMN server_networks;
ALTER TABLE accounts DROP COLUMN limits;
