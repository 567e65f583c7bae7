package storetest

import (
	"database/sql"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"
)

// RunMigrations takes an empty database up and down the migrations of its driver. What
// version 1 holds must be there in the later form after the way up, and back after the way down.
func RunMigrations(t *testing.T, dialect goose.Dialect, db *sql.DB, files fs.FS) {
	ctx := t.Context()
	provider := must[*goose.Provider](t)(goose.NewProvider(dialect, db, files, goose.WithDisableGlobalRegistry(true)))
	exec := func(statement string) {
		t.Helper()
		if _, err := db.ExecContext(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	// check compares a table's rows, their columns joined by blanks.
	check := func(query string, want ...string) {
		t.Helper()
		rows := must[*sql.Rows](t)(db.QueryContext(ctx, query)) //nolint:rowserrcheck // ok looks at it below
		defer rows.Close()                                      //nolint:errcheck // Err tells
		columns := must[[]string](t)(rows.Columns())
		var got []string
		for rows.Next() {
			row, into := make([]string, len(columns)), make([]any, len(columns))
			for i := range row {
				into[i] = &row[i]
			}
			ok(t, rows.Scan(into...))
			got = append(got, strings.Join(row, " "))
		}
		ok(t, rows.Err())
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	const before = `SELECT account_id, owner_id, dictionary_name FROM document_dictionaries ORDER BY account_id, dictionary_name`
	const after = `SELECT account_id, kind, owner_id, name FROM document_references ORDER BY account_id, kind, name`

	_, err := provider.UpTo(ctx, 1)
	ok(t, err)
	exec(`INSERT INTO document_dictionaries (account_id, owner_id, dictionary_name)
		VALUES ('a', 'root', 'd'), ('b', 'b', 'd'), ('b', 'root', 'e')`)
	exec(`INSERT INTO tokens (account_id, id, hash, kind, scopes, note, created_at)
		VALUES ('a', 'session', 'x', 'session', 'read', '', '2026-01-02 03:04:05')`)
	_, err = provider.UpTo(ctx, 2)
	ok(t, err)
	check(after, "a dictionary root d", "b dictionary b d", "b dictionary root e")
	exec(`INSERT INTO document_references (account_id, kind, owner_id, name) VALUES ('a', 'fsm', 'root', 'd')`)
	_, err = provider.DownTo(ctx, 1)
	ok(t, err)
	check(before, "a root d", "b b d", "b root e")
	_, err = provider.UpTo(ctx, 2)
	ok(t, err)
	check(after, "a dictionary root d", "b dictionary b d", "b dictionary root e")

	// What documents name is from version 5 on kept without whose that is, and of the documents themselves where
	// it is what the service ships.
	_, err = provider.UpTo(ctx, 4)
	ok(t, err)
	const accounts = `INSERT INTO accounts (id, parent_id, path, name, enabled, revision, created_at, updated_at) VALUES `
	const at = `true, 1, '2026-01-01 00:00:00', '2026-01-01 00:00:00')`
	exec(accounts + `('root', '', '', 'root', ` + at + `, ('a', 'root', 'root/', 'a', ` + at + `, ('b', 'a', 'root/a/', 'b', ` + at)
	const documents = `INSERT INTO documents (account_id, revision, deleted, body, author, created_at) VALUES `
	const written = `, '', '2026-01-01 00:00:00')`
	exec(documents + `('a', 1, false, '{"x\u0000":"\u0000\ud800 \\u0000\\","servers":[{"dicts":["d","\u0064ictionary"]},{"dicts":[]},{"name":"s"}],"fsm":"race"}'` + written +
		`, ('b', 1, false, '{"fsm":{"authn":"d","custom":"mine","x-y":["z"]}}'` + written + `, ('root', 2, true, ''` + written + `, ('c', 1, false, '{}'` + written)
	exec(`INSERT INTO texts (account_id, kind, name, revision, body, created_at, updated_at) VALUES
		('root', 'fsm', 'd', 1, '', '2026-01-01 00:00:00', '2026-01-01 00:00:00'), ('b', 'users', 'd', 1, '', '2026-01-01 00:00:00', '2026-01-01 00:00:00')`)
	for _, owner := range []string{"root", "b"} {
		exec(`INSERT INTO dictionaries (account_id, id, name, revision, body, created_at, updated_at) VALUES
			('` + owner + `', 'x', 'd', 1, '', '2026-01-01 00:00:00', '2026-01-01 00:00:00')`)
	}
	_, err = provider.UpTo(ctx, 5)
	ok(t, err)
	check(`SELECT account_id, kind, name FROM document_names ORDER BY account_id, kind, name`,
		"a dictionary d", "a dictionary dictionary", "a fsm race", "b dictionary d", "b dictionary e", "b fsm d", "b fsm mine")
	_, err = provider.DownTo(ctx, 4)
	ok(t, err)
	check(after, "a dictionary root d", "b dictionary b d", "b fsm root d")
	_, err = provider.UpTo(ctx, 7)
	ok(t, err)
	check(`SELECT id, kind, key_id FROM tokens`, "session session ")
	exec(`INSERT INTO tokens (account_id, id, hash, kind, scopes, note, created_at, key_id)
		VALUES ('a', 'made', 'y', 'token', 'read', '', '2026-01-02 03:04:05', 'session')`)
	_, err = provider.Up(ctx)
	ok(t, err)
	check(`SELECT id, made_by, made_by_account FROM tokens WHERE NOT checksum ORDER BY id`, "made session a", "session  ")
	_, err = provider.DownTo(ctx, 0)
	ok(t, err)
}
