-- What documents name, in place of whose that was when they were written: a nearer dictionary or table of
-- the name changes it. Names of what the service ships are among them. The same table as migrations/postgres.

-- +goose Up

CREATE TABLE document_names (
    account_id text NOT NULL,
    kind       text NOT NULL,
    name       text NOT NULL,
    PRIMARY KEY (account_id, kind, name)
);
CREATE INDEX document_names_name ON document_names (kind, name, account_id);
CREATE INDEX dictionaries_by_name ON dictionaries (name, account_id);
CREATE INDEX texts_by_name ON texts (kind, name, account_id);

INSERT INTO document_names (account_id, kind, name)
    WITH d AS (SELECT account_id, CASE WHEN deleted THEN '{}' ELSE body END AS body FROM documents)
    SELECT account_id, kind, name FROM document_references
    UNION
    SELECT d.account_id, 'dictionary', n.value FROM d, json_each(d.body, '$.servers') s, json_each(s.value, '$.dicts') n
        WHERE s.type = 'object' AND n.type = 'text'
    UNION
    SELECT d.account_id, 'fsm', json_extract(d.body, o.path)
        FROM d, (SELECT '$.fsm' AS path UNION SELECT '$.fsm.authn' UNION SELECT '$.fsm.authz' UNION SELECT '$.fsm.accounting' UNION SELECT '$.fsm.custom') o
        WHERE json_type(d.body, o.path) = 'text';
DROP TABLE document_references;

-- +goose Down
CREATE TABLE document_references (
    account_id text NOT NULL,
    kind       text NOT NULL,
    owner_id   text NOT NULL,
    name       text NOT NULL,
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
