package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	driverlib "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"aaa-api/internal/store"
)

// mapError turns the driver's errors into the contract's. A cancelled caller
// gets its own context's error; anything that another attempt may find mended is
// ErrUnavailable; what is neither stays as it is.
func mapError(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrExists) {
		return err
	}
	if cause := ctx.Err(); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err) // SQLite only says that it was interrupted
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sql.ErrConnDone) || isClosed(err) {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	var e *driverlib.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() {
	case lib.SQLITE_CONSTRAINT_UNIQUE, lib.SQLITE_CONSTRAINT_PRIMARYKEY:
		return fmt.Errorf("%w: %w", store.ErrExists, err)
	}
	switch e.Code() & 0xff { // the high bits are the extended code
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_IOERR, lib.SQLITE_FULL, lib.SQLITE_CANTOPEN,
		lib.SQLITE_READONLY, lib.SQLITE_PERM, lib.SQLITE_NOMEM, lib.SQLITE_PROTOCOL:
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return err
}

// isClosed knows database/sql's error after Close, which it does not export.
func isClosed(err error) bool {
	return err.Error() == "sql: database is closed"
}

// isBusy reports that another process holds a lock.
func isBusy(err error) bool {
	var e *driverlib.Error
	return errors.As(err, &e) && (e.Code()&0xff == lib.SQLITE_BUSY || e.Code()&0xff == lib.SQLITE_LOCKED)
}
