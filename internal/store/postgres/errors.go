package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"

	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlstore"
)

// mapError turns the driver's errors into the contract's. A cancelled caller
// gets its own context's error; anything that another attempt may find mended is
// ErrUnavailable; what is neither stays as it is, for isSerialization and the log.
func mapError(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrExists) {
		return err
	}
	if cause := ctx.Err(); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case code(err) == lockTimeout:
		return fmt.Errorf("%w: %w: %w", store.ErrUnavailable, sqlstore.ErrLocked, err)
	case errors.Is(err, context.DeadlineExceeded), isAway(err):
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	case code(err) == "42P01": // undefined_table
		return fmt.Errorf("%w: %w: %w", store.ErrUnavailable, store.ErrNoTables, err)
	case code(err) == "42P05", code(err) == "26000": // duplicate_prepared_statement, invalid_sql_statement_name
		return fmt.Errorf("%w: %w: %w", store.ErrUnavailable, errPooler, err)
	case code(err) == "23505": // unique_violation
		return fmt.Errorf("%w: %w", store.ErrExists, err)
	case code(err) == "0A000": // feature_not_supported
		return fmt.Errorf("%w: %w", sqlstore.ErrUnsupported, err)
	}
	return err
}

// errPooler says what a statement that another client has prepared, or none has, comes of.
var errPooler = errors.New("a connection pooler in transaction mode seems to stand before the database: add default_query_exec_mode=exec to the URL, " +
	"or use PgBouncer 1.21 or newer with max_prepared_statements")

// readOnly is the SQLSTATE read_only_sql_transaction: a former primary, or one whose disk is full.
const readOnly = "25006"

// lockTimeout is the SQLSTATE lock_not_available: the server ended the wait for a row.
const lockTimeout = "55P03"

// code is the SQLSTATE of an error that the server sent.
func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// isAway reports an error of the connection or the server's state, rather than
// of what was asked. The classes are those of PostgreSQL's Appendix A.
func isAway(err error) bool {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) || errors.Is(err, puddle.ErrClosedPool) {
		return true
	}
	if state := code(err); state != "" {
		switch state {
		case readOnly,
			"XX000", // internal_error: what a distributed engine says whose worker has died
			"25P03", // idle_in_transaction_session_timeout
			"57014": // query_canceled (by a time limit; a caller's cancelling is not seen here)
			return true
		}
		switch state[:2] {
		case "08", // connection exceptions
			"53", // insufficient resources: connections, memory, disk
			"58": // system errors
			return true
		}
		return len(state) == 5 && state[:3] == "57P" // shutdown, crash, starting up
	}
	var scan pgx.ScanArgError
	if errors.As(err, &scan) {
		return false
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err)
}

// isSerialization reports that a transaction lost against others and can be run again.
func isSerialization(err error) bool {
	switch code(err) {
	case "40001", "40P01": // serialization_failure, deadlock_detected
		return !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, context.Canceled)
	}
	return false
}
