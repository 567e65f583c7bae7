-- What is written to find out whether writes work, and read by no one.

-- +goose Up
CREATE TABLE write_checks (
    id integer PRIMARY KEY,
    at timestamptz NOT NULL
);

-- +goose Down
DROP TABLE write_checks;
