-- What documents name, in place of whose that was when they were written: a nearer dictionary or table of
-- the name changes it. Names of what the service ships are among them, as an account can have those too.

-- +goose Up

CREATE TABLE document_names (
    account_id text COLLATE "C" NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    name       text COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, kind, name)
);
CREATE INDEX document_names_name ON document_names (kind, name, account_id);
CREATE INDEX dictionaries_by_name ON dictionaries (name, account_id);
CREATE INDEX texts_by_name ON texts (kind, name, account_id);

-- PostgreSQL reads no JSON with escapes like \u0000 or half of a surrogate pair. No name has any that is not ASCII: they go.
INSERT INTO document_names (account_id, kind, name)
    WITH d AS (
        SELECT account_id, CASE WHEN deleted THEN '{}' ELSE regexp_replace(body,
            '(\\\\)|\\u([1-9A-Fa-f][0-9A-Fa-f]{3}|0[1-9A-Fa-f][0-9A-Fa-f]{2}|00[0189A-Fa-f][0-9A-Fa-f])', '\1', 'g') END::json AS body
        FROM documents
    )
    SELECT account_id, kind, name FROM document_references
    UNION
    SELECT d.account_id, 'dictionary', n.name FROM d,
        json_array_elements(CASE json_typeof(d.body -> 'servers') WHEN 'array' THEN d.body -> 'servers' ELSE '[]' END) s (server),
        json_array_elements_text(CASE json_typeof(s.server -> 'dicts') WHEN 'array' THEN s.server -> 'dicts' ELSE '[]' END) n (name)
    UNION
    SELECT account_id, 'fsm', body ->> 'fsm' FROM d WHERE json_typeof(body -> 'fsm') = 'string'
    UNION
    SELECT d.account_id, 'fsm', d.body -> 'fsm' ->> o.op FROM d, (VALUES ('authn'), ('authz'), ('accounting'), ('custom')) o (op)
        WHERE json_typeof(d.body -> 'fsm') = 'object' AND d.body -> 'fsm' ->> o.op IS NOT NULL;
DROP TABLE document_references;

-- +goose Down
CREATE TABLE document_references (
    account_id text COLLATE "C" NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    owner_id   text COLLATE "C" NOT NULL,
    name       text COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, kind, owner_id, name)
);
CREATE INDEX document_references_owner ON document_references (owner_id, kind, name, account_id);
INSERT INTO document_references (account_id, kind, owner_id, name)
    SELECT account_id, kind, owner_id, name FROM (
        SELECT n.account_id, n.kind, n.name, (
            SELECT o.id FROM accounts o
                WHERE (o.id = a.id OR a.path LIKE o.path || o.id || '/%')
                AND (n.kind = 'dictionary' AND EXISTS (SELECT 1 FROM dictionaries d WHERE d.account_id = o.id AND d.name = n.name)
                    OR EXISTS (SELECT 1 FROM texts t WHERE t.account_id = o.id AND t.kind = n.kind AND t.name = n.name))
                ORDER BY length(o.path) DESC LIMIT 1) AS owner_id
            FROM document_names n JOIN accounts a ON a.id = n.account_id
    ) r WHERE owner_id IS NOT NULL;
DROP INDEX texts_by_name;
DROP INDEX dictionaries_by_name;
DROP TABLE document_names;
