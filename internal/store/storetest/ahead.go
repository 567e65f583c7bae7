package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"
)

// RunAhead makes a migrated database look like one that a newer version of the program has migrated further.
// migrate, the Migrate of its driver, must refuse it at once and name both versions, and do its work again
// once the database is of the program's version.
func RunAhead(t *testing.T, db *sql.DB, migrate func(ctx context.Context) error) {
	ctx := t.Context()
	var newest int64
	ok(t, db.QueryRowContext(ctx, `SELECT MAX(version_id) FROM goose_db_version`).Scan(&newest))
	const ahead = 99999
	must[sql.Result](t)(db.ExecContext(ctx, fmt.Sprintf(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (%d, true)`, ahead)))
	began := time.Now()
	err := migrate(ctx)
	if err == nil {
		t.Fatal("a newer database is taken for one that is up to date")
	}
	for _, part := range []string{fmt.Sprintf("at version %d ", ahead), fmt.Sprintf("up to %d:", newest), "run a newer aaa-api"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, err)
		}
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("refusing took %v", took)
	}
	must[sql.Result](t)(db.ExecContext(ctx, fmt.Sprintf(`DELETE FROM goose_db_version WHERE version_id = %d`, ahead)))
	ok(t, migrate(ctx))
}
