package sqlstore

import (
	"context"
	"fmt"

	"github.com/pressly/goose/v3"
)

// AheadError refuses a database that a newer version of the program has migrated. What such a
// version changed is unknown here, so what reads and writes the tables would fail, or worse, succeed.
type AheadError struct {
	Database int64 // the newest migration that the database has had
	Program  int64 // the newest one that the program brings
}

func (e *AheadError) Error() string {
	return fmt.Sprintf("the database is at version %d and this aaa-api knows versions up to %d: run a newer aaa-api, or restore a backup that this one made",
		e.Database, e.Program)
}

// Up brings a database to the newest version that provider has, and refuses one that is ahead of it with
// an AheadError: goose takes no notice of migrations that it does not know. The version is read last,
// when the table that holds it is surely there; before it, nothing is done to a database that is ahead.
func Up(ctx context.Context, provider *goose.Provider) error {
	if _, err := provider.Up(ctx); err != nil {
		return err
	}
	current, newest, err := provider.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > newest {
		return &AheadError{Database: current, Program: newest}
	}
	return nil
}
