package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	driverlib "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlstore"
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
	if isEmpty(err) {
		return fmt.Errorf("%w: %w: %w", store.ErrUnavailable, store.ErrNoTables, err)
	}
	if isBroken(err) {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	switch primary(err) {
	case lib.SQLITE_FULL:
		return fmt.Errorf("%w: %w: %w", store.ErrUnavailable, sqlstore.ErrFull, err)
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_PERM, lib.SQLITE_NOMEM, lib.SQLITE_PROTOCOL:
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return err
}

// mapOpenError is mapError for the beginning, where nothing is in memory yet and a file that is no good
// database is a wrong setting, or to be put back, rather than something to wait for.
func mapOpenError(ctx context.Context, err error) error {
	switch primary(err) {
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return err
	}
	return mapError(ctx, err)
}

// isClosed knows database/sql's error after Close, which it does not export.
func isClosed(err error) bool {
	return err != nil && strings.Contains(err.Error(), "sql: database is closed")
}

// isBusy reports that another process holds a lock.
func isBusy(err error) bool {
	return primary(err) == lib.SQLITE_BUSY || primary(err) == lib.SQLITE_LOCKED
}

// isBroken reports a fault of the file, or of what a connection has open or remembers of it. The connection would
// give the same answer after the file was mended.
func isBroken(err error) bool {
	switch primary(err) {
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB, lib.SQLITE_IOERR, lib.SQLITE_CANTOPEN, lib.SQLITE_READONLY:
		return true
	}
	return isEmpty(err)
}

// isEmpty reports that a table is missing, as in a file that is being written anew.
func isEmpty(err error) bool {
	return primary(err) == lib.SQLITE_ERROR && strings.Contains(err.Error(), "no such table")
}

// primary is the result code of an error of SQLite's, 0 of any other.
func primary(err error) int {
	var e *driverlib.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code() & 0xff // the high bits are the extended code
}
