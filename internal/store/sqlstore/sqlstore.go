// Package sqlstore is the SQL that both drivers share. It keeps to what SQLite,
// PostgreSQL and the distributed engines that speak PostgreSQL have in common; a
// driver brings connections, transactions, its error mapping and a wake-up.
package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// Timeout bounds one operation of either driver, the wait for its connection and for locks included. It is how
// long a client waits for its 503 while the database does not answer, which docs/operations.md promises.
const Timeout = 5 * time.Second

// ErrUnsupported marks the error of a statement that the engine can't do, as a distributed one can't do every one.
var ErrUnsupported = errors.New("the database cannot do this")

// ErrFull marks the error of a transaction for which the disk has no room.
var ErrFull = errors.New("the disk is full")

// ErrLocked marks an ErrUnavailable of a database that does answer: another transaction held a row for longer than this one may wait.
var ErrLocked = errors.New("another transaction holds the row")

// Scan copies the columns of one row.
type Scan func(dst ...any) error

// Conn runs statements. Its errors are the contract's where that has one
// (ErrExists for a unique key, ErrUnavailable), else the driver's own.
type Conn interface {
	// Query gives each row of the answer to row, whose error ends the query and is returned.
	Query(ctx context.Context, row func(Scan) error, sql string, args ...any) error
	Exec(ctx context.Context, sql string, args ...any) (affected int64, err error)
	// Batch runs statements in their order, without waiting for the answer of one before the next is sent. Each sees what those
	// before it did, and the first error ends the batch.
	Batch(ctx context.Context, list []Statement) error
}

// Statement is one of a batch.
type Statement struct {
	SQL  string
	Args []any
	Row  func(Scan) error // is given each row of the answer; nil: there is none to read
	Done func(rows int64) // is told how many rows a statement without Row has written
}

// Driver is a database. A statement given to its Conn is a transaction of its own.
type Driver interface {
	Conn
	// Write runs fn in a transaction that sees what was committed before each of its
	// statements, and again from the start where the database could not serialise
	// it. It commits if fn returns nil.
	Write(ctx context.Context, fn func(ctx context.Context, tx Conn) error) error
	// Notify wakes the readers of the change log after a commit. It never waits.
	Notify()
	Wake(ctx context.Context) <-chan struct{}
	// MaxRows is how many rows one statement may name at most, and MaxInserted how many it may insert.
	MaxRows() int
	MaxInserted() int
	Close() error
}

// Store implements store.Store on a Driver.
type Store struct {
	db       Driver
	due      dueCursor // of sessions
	spoolDue dueCursor
	parts    parts
}

// New returns the store that d holds. Closing it closes d.
func New(d Driver) *Store {
	s := &Store{db: d}
	s.parts.init()
	return s
}

// The nouns of the contract.
func (s *Store) Accounts() store.Accounts         { return accounts{s.db} }
func (s *Store) Documents() store.Documents       { return documents{s.db} }
func (s *Store) Dictionaries() store.Dictionaries { return dictionaries{s.db} }
func (s *Store) Texts() store.Texts               { return texts{s.db} }
func (s *Store) Clients() store.Clients           { return clients{s.db} }
func (s *Store) Tokens() store.Tokens             { return tokens{s.db} }
func (s *Store) Keys() store.Keys                 { return keys{s.db} }
func (s *Store) Sessions() store.Sessions         { return sessions{s.db, &s.due} }
func (s *Store) Spool() store.Spool               { return spool{s.db, &s.spoolDue, &s.parts} }
func (s *Store) Idempotency() store.Idempotency   { return idempotency{s.db} }
func (s *Store) Bans() store.Bans                 { return bans{s.db} }
func (s *Store) Changes() store.Changes           { return changes{s.db} }

// Ping reads the change counter: it proves that the database answers and has been migrated.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.Changes().Last(ctx)
	return err
}

// CheckWrite implements store.Store.
func (s *Store) CheckWrite(ctx context.Context) error {
	_, err := s.db.Exec(ctx, `INSERT INTO write_checks (id, at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET at = excluded.at`,
		time.Now().UTC().Truncate(time.Microsecond))
	return err
}

// Close ends the use of the database; what is called later is ErrUnavailable.
func (s *Store) Close() error { return s.db.Close() }

// write is a transaction that changes configuration. It has taken the change
// counter's row, so no other such transaction runs until it ends.
type write struct {
	Conn
	now     time.Time
	counted bool
	seq     int64
	last    []Statement // that end the transaction
}

// configure runs a write of configuration.
func configure(ctx context.Context, d Driver, fn func(ctx context.Context, tx *write) error) error {
	return configureAfter(ctx, d, func() []Statement { return nil }, fn)
}

// configureAfter is configure for a write that begins with reads. They are sent with the statement that takes the counter's row,
// so that other writes wait for one answer less.
func configureAfter(ctx context.Context, d Driver, reads func() []Statement, fn func(ctx context.Context, tx *write) error) error {
	err := d.Write(ctx, func(ctx context.Context, c Conn) error {
		tx := &write{Conn: c}
		if err := tx.count(ctx, reads()...); err != nil {
			return err
		}
		// Read after the row was won, so that times go up with the numbers.
		tx.now = time.Now().UTC().Truncate(time.Microsecond)
		if err := fn(ctx, tx); err != nil {
			return err
		}
		return tx.Batch(ctx, tx.last)
	})
	if errors.Is(err, ErrLocked) {
		return &aaa.Error{
			Kind: aaa.KindBusy, Message: "other changes of the configuration are under way for longer than this one may wait; nothing was changed",
			RetryAfter: time.Second, Err: fmt.Errorf("%w: %s", ErrLocked, err.Error()), // no longer ErrUnavailable: the database is there
		}
	}
	if err == nil {
		d.Notify()
	}
	return err
}

// count takes the counter's row and the next number. Statements that come with it see what was committed before the row was won.
func (w *write) count(ctx context.Context, more ...Statement) error {
	var next maybe[int64]
	err := w.Batch(ctx, append([]Statement{next.from(scanInt, `UPDATE change_counter SET seq = seq + 1 WHERE id = 1 RETURNING seq`)}, more...))
	if err == nil && !next.found {
		return errNoCounter
	}
	w.seq = next.v
	return err
}

// atEnd adds a statement to those that end the transaction. No other statement of it sees what they do.
func (w *write) atEnd(sql string, args ...any) {
	w.last = append(w.last, Statement{SQL: sql, Args: args})
}

// changed appends to the change log.
func (w *write) changed(ctx context.Context, kind store.ChangeKind, account aaa.AccountID, name string) error {
	if w.counted {
		if err := w.count(ctx); err != nil {
			return err
		}
	}
	w.counted = true
	w.atEnd(`INSERT INTO changes (seq, kind, account_id, name, at) VALUES ($1, $2, $3, $4, $5)`,
		w.seq, string(kind), string(account), name, w.now)
	return nil
}

// owner checks that an account is there to own something: the system configuration always is.
func (w *write) owner(ctx context.Context, account aaa.AccountID) error {
	if account == aaa.SystemConfig {
		return nil
	}
	return exists(ctx, w, `SELECT 1 FROM accounts WHERE id = $1`, string(account))
}

// execAll runs statements that take the same arguments.
func execAll(ctx context.Context, c Conn, args []any, statements ...string) error {
	for _, sql := range statements {
		if _, err := c.Exec(ctx, sql, args...); err != nil {
			return err
		}
	}
	return nil
}
