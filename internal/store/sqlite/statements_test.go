package sqlite

import (
	"context"
	"fmt"
	"testing"

	"aaa-api/internal/store/sqlstore"
	"aaa-api/internal/store/storetest"
)

// TestStatementsAreKept: what a transaction has used is compiled for the next one, and not more of it than a bound, whatever texts come.
func TestStatementsAreKept(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s, err := Open(ctx, storetest.File(t, Migrate))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // the test is over
	const text = `UPDATE spool SET tries = tries WHERE account_id = $1`
	write := func(texts ...string) {
		t.Helper()
		if err := s.driver.Write(ctx, func(ctx context.Context, tx sqlstore.Conn) error {
			var list []sqlstore.Statement
			for _, text := range texts {
				list = append(list, sqlstore.Statement{SQL: text, Args: []any{"a"}})
			}
			return tx.Batch(ctx, list)
		}); err != nil {
			t.Fatal(err)
		}
	}
	write(text, text)
	p := s.driver.current()
	kept := p.writes.of(text)
	if kept == nil {
		t.Fatal("a statement of a transaction is not kept")
	}
	var texts []string
	for n := range 2 * mostStatements {
		texts = append(texts, fmt.Sprintf("%s AND revision = %d", text, n))
	}
	write(texts...)
	for _, text := range texts {
		if err := s.driver.Query(ctx, func(sqlstore.Scan) error { return nil }, "SELECT 1 FROM spool WHERE "+text[len(`UPDATE spool SET tries = tries WHERE `):], "a"); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.writes.by) > mostStatements || len(p.reads.by) > mostStatements {
		t.Errorf("%d and %d statements are kept", len(p.writes.by), len(p.reads.by))
	}
	if write(text); p.writes.of(text) != kept {
		t.Error("a statement that was kept was prepared again")
	}
}
