package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"

	"aaa-api/internal/backoff"
	"aaa-api/internal/store/sqlstore"
	"aaa-api/migrations"
)

// Migrate makes the database where there is none and brings it to the newest version.
func Migrate(ctx context.Context, path string) error {
	s, err := Open(ctx, path)
	if err != nil {
		return err
	}
	if err := s.Migrate(ctx); err != nil {
		_ = s.Close()
		return err
	}
	return s.Close()
}

// Migrate brings the database to the newest version.
func (s *Store) Migrate(ctx context.Context) error {
	var err error
	// Two processes may meet here. Each step is one transaction, so the one that
	// comes second fails and then finds the step done.
	const attempts = 10
	var ahead *sqlstore.AheadError
	for n := 1; ; n++ {
		p := s.driver.current()
		err = migrate(ctx, p.writer)
		if isBroken(err) {
			s.driver.broken(p)
		}
		if err == nil || n == attempts || errors.As(err, &ahead) || ctx.Err() != nil {
			break
		}
		_ = backoff.Sleep(ctx, time.Duration(n)*100*time.Millisecond) // the next step has ctx's error
	}
	if err != nil {
		return fmt.Errorf("migrate %s: %w", s.driver.path, mapOpenError(ctx, err))
	}
	return nil
}

func migrate(ctx context.Context, db *sql.DB) error {
	// The journal's mode is a property of the file. WAL lets readers go on during a write.
	var mode string
	if err := db.QueryRowContext(ctx, `PRAGMA journal_mode = WAL`).Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return errors.New("the file system does not support a write-ahead log (journal mode " + mode + ")")
	}
	files, err := fs.Sub(migrations.Files, "sqlite")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	return sqlstore.Up(ctx, provider)
}
