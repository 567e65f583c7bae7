-- Accounts, AAA documents, dictionaries, tokens, data keys and the change log.
-- The same tables as migrations/postgres, whose comments explain them.

-- +goose Up

-- One row. Every write of configuration updates it first, so such writes follow one another
-- and the change log's numbers become visible in their order, without gaps.
CREATE TABLE change_counter (
    id  integer PRIMARY KEY,
    seq bigint NOT NULL
);
INSERT INTO change_counter (id, seq) VALUES (1, 0);

CREATE TABLE changes (
    seq        integer PRIMARY KEY,
    kind       text NOT NULL,
    account_id text NOT NULL,
    name       text NOT NULL,
    at         timestamp NOT NULL
);

-- path holds the ancestors' ids, root first, each followed by a slash: the
-- descendants of an account are those whose path begins with its path and id.
CREATE TABLE accounts (
    id         text PRIMARY KEY NOT NULL,
    parent_id  text NOT NULL,
    path       text NOT NULL,
    name       text NOT NULL,
    realm      text,
    enabled    boolean NOT NULL,
    revision   bigint NOT NULL,
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL
);
CREATE UNIQUE INDEX accounts_one_root ON accounts (parent_id) WHERE parent_id = '';
CREATE UNIQUE INDEX accounts_realm ON accounts (realm);
CREATE INDEX accounts_parent ON accounts (parent_id, id);
CREATE INDEX accounts_path ON accounts (path, id);

-- The current document. A deleted one stays as a row, so that its revisions go on counting.
CREATE TABLE documents (
    account_id text PRIMARY KEY NOT NULL,
    revision   bigint NOT NULL,
    deleted    boolean NOT NULL,
    body       text NOT NULL,
    author     text NOT NULL,
    created_at timestamp NOT NULL
);

CREATE TABLE document_revisions (
    account_id text NOT NULL,
    revision   bigint NOT NULL,
    deleted    boolean NOT NULL,
    body       text NOT NULL,
    author     text NOT NULL,
    created_at timestamp NOT NULL,
    PRIMARY KEY (account_id, revision)
);

-- Which stored dictionaries the current documents name.
CREATE TABLE document_dictionaries (
    account_id      text NOT NULL,
    owner_id        text NOT NULL,
    dictionary_name text NOT NULL,
    PRIMARY KEY (account_id, owner_id, dictionary_name)
);
CREATE INDEX document_dictionaries_owner ON document_dictionaries (owner_id, dictionary_name, account_id);

CREATE TABLE dictionaries (
    account_id text NOT NULL,
    id         text NOT NULL,
    name       text NOT NULL,
    revision   bigint NOT NULL,
    body       text NOT NULL,
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL,
    PRIMARY KEY (account_id, id)
);
CREATE UNIQUE INDEX dictionaries_name ON dictionaries (account_id, name);

CREATE TABLE tokens (
    account_id text NOT NULL,
    id         text NOT NULL,
    hash       blob NOT NULL,
    kind       text NOT NULL,
    scopes     text NOT NULL,
    note       text NOT NULL,
    created_at timestamp NOT NULL,
    expires_at timestamp,
    PRIMARY KEY (account_id, id)
);
CREATE UNIQUE INDEX tokens_hash ON tokens (hash);
CREATE INDEX tokens_expires ON tokens (expires_at);

CREATE TABLE data_keys (
    account_id text PRIMARY KEY NOT NULL,
    wrapped    blob NOT NULL
);

-- +goose Down
DROP TABLE data_keys;
DROP TABLE tokens;
DROP TABLE dictionaries;
DROP TABLE document_dictionaries;
DROP TABLE document_revisions;
DROP TABLE documents;
DROP TABLE accounts;
DROP TABLE changes;
DROP TABLE change_counter;
