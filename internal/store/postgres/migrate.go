package postgres

import (
	"context"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"aaa-api/internal/store/sqlstore"
	"aaa-api/migrations"
)

// Migrate brings the database at url to the newest version.
func Migrate(ctx context.Context, url string) error {
	s, err := Open(ctx, url, Options{MaxConns: 1})
	if err != nil {
		return err
	}
	defer s.Close() //nolint:errcheck // never fails
	return s.Migrate(ctx)
}

// Migrate brings the database to the newest version. Nodes that start together
// take turns, by a lease in a table: advisory locks are not everywhere.
func (s *Store) Migrate(ctx context.Context) error {
	db := stdlib.OpenDB(*s.driver.pool.Config().ConnConfig)
	defer db.Close() //nolint:errcheck // nothing is pending
	files, err := fs.Sub(migrations.Files, "postgres")
	if err != nil {
		return err
	}
	locker, err := lock.NewPostgresTableLocker(
		lock.WithTableLockTimeout(200*time.Millisecond, 5*60*5),
		lock.WithTableUnlockTimeout(200*time.Millisecond, 5*30),
	)
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithLocker(locker), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	if err := sqlstore.Up(ctx, provider); err != nil {
		return fmt.Errorf("migrate PostgreSQL: %w", mapError(ctx, err))
	}
	return nil
}
