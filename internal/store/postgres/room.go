package postgres

import (
	"context"
	"errors"

	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlstore"
)

// CheckWrite also asks for disk space: on a full disk the write itself succeeds, because an update of the same row reuses
// the space of its old versions, while writes that make a table grow fail.
func (s *Store) CheckWrite(ctx context.Context) error {
	if err := s.Store.CheckWrite(ctx); err != nil {
		return err
	}
	if err := s.driver.room(ctx); errors.Is(err, store.ErrUnavailable) {
		return err
	}
	return nil // an engine that doesn't know the statements says nothing about its disk
}

// room sorts a few numbers in too little memory: PostgreSQL writes them to a temporary file of about 70 KiB beside the tables,
// and removes it. A table that grows would not do: its pages are reused after each vacuum.
func (d *driver) room(ctx context.Context) error {
	return d.Write(ctx, func(ctx context.Context, tx sqlstore.Conn) error {
		if _, err := tx.Exec(ctx, `SET LOCAL work_mem = '64kB'`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `SELECT count(*) FROM (SELECT n FROM generate_series(1, 5000) n ORDER BY n DESC OFFSET 0) sorted`)
		return err
	})
}
