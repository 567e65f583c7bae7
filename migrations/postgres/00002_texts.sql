-- Named texts (tables of the state machine, users files), and references of documents to tables as well.

-- +goose Up

-- kind is fsm or users. The body of a users file is sealed.
CREATE TABLE texts (
    account_id text COLLATE "C" NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    name       text COLLATE "C" NOT NULL,
    revision   bigint NOT NULL,
    body       text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, kind, name)
);

-- What the current documents refer to: dictionaries (kind dictionary) and tables (kind fsm).
CREATE TABLE document_references (
    account_id text COLLATE "C" NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    owner_id   text COLLATE "C" NOT NULL,
    name       text COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, kind, owner_id, name)
);
CREATE INDEX document_references_owner ON document_references (owner_id, kind, name, account_id);
INSERT INTO document_references (account_id, kind, owner_id, name)
    SELECT account_id, 'dictionary', owner_id, dictionary_name FROM document_dictionaries;
DROP TABLE document_dictionaries;

-- +goose Down
CREATE TABLE document_dictionaries (
    account_id      text COLLATE "C" NOT NULL,
    owner_id        text COLLATE "C" NOT NULL,
    dictionary_name text COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, owner_id, dictionary_name)
);
CREATE INDEX document_dictionaries_owner ON document_dictionaries (owner_id, dictionary_name, account_id);
INSERT INTO document_dictionaries (account_id, owner_id, dictionary_name)
    SELECT account_id, owner_id, name FROM document_references WHERE kind = 'dictionary';
DROP TABLE document_references;
DROP TABLE texts;
