package sqlite

import (
	"context"
	"database/sql"
	"sync"
)

// mostStatements bounds the statements that a pool keeps. The store has fewer texts, but for filters, whose number callers choose.
const mostStatements = 256

// statements keeps statements of a pool by their text: SQLite takes longer to read one than to write a row. Each connection of the pool
// compiles a statement once, and again by itself when tables have changed.
type statements struct {
	pool *sql.DB

	mu sync.Mutex
	by map[string]*sql.Stmt
}

func newStatements(pool *sql.DB) *statements {
	return &statements{pool: pool, by: make(map[string]*sql.Stmt)}
}

// of is the statement with a text, nil if it is not kept.
func (s *statements) of(text string) *sql.Stmt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.by[text]
}

// keep prepares a text and keeps the statement; nil, if it keeps enough. It needs a connection of the pool, which a transaction on the
// writer's only one must not wait for.
func (s *statements) keep(ctx context.Context, text string) (*sql.Stmt, error) {
	s.mu.Lock()
	p, full := s.by[text], len(s.by) >= mostStatements
	s.mu.Unlock()
	if p != nil || full {
		return p, nil
	}
	p, err := s.pool.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.by[text]; other != nil {
		_ = p.Close() //nolint:sqlclosecheck // another caller's is kept, this one holds nothing but memory
		return other, nil
	}
	s.by[text] = p
	return p, nil
}

// onPool runs statements on a pool.
type onPool struct{ *statements }

func (c onPool) prepared(ctx context.Context, text string) (preparedStatement, error) {
	p, err := c.keep(ctx, text)
	switch {
	case err != nil:
		return nil, err
	case p == nil:
		return unprepared{c.pool, text}, nil
	}
	return p, nil
}

// inTransaction runs statements in a transaction. Its texts that are not kept are kept after it.
type inTransaction struct {
	tx     *sql.Tx
	kept   *statements
	used   map[string]preparedStatement
	missed map[string]struct{}
}

func newInTransaction(tx *sql.Tx, kept *statements) *inTransaction {
	return &inTransaction{tx: tx, kept: kept, used: make(map[string]preparedStatement), missed: make(map[string]struct{})}
}

func (c *inTransaction) prepared(ctx context.Context, text string) (preparedStatement, error) {
	if p := c.used[text]; p != nil {
		return p, nil
	}
	if p := c.kept.of(text); p != nil {
		c.used[text] = c.tx.StmtContext(ctx, p)
	} else {
		p, err := c.tx.PrepareContext(ctx, text)
		if err != nil {
			return nil, err
		}
		c.used[text], c.missed[text] = p, struct{}{}
	}
	return c.used[text], nil
}

// over keeps what the transaction, which has ended, has used.
func (c *inTransaction) over(ctx context.Context) {
	for text := range c.missed {
		if _, err := c.kept.keep(ctx, text); err != nil { //nolint:sqlclosecheck // it is kept
			return // it is prepared again when it is needed
		}
	}
}

// preparedStatement is a text with its arguments left out.
type preparedStatement interface {
	QueryContext(ctx context.Context, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, args ...any) (sql.Result, error)
}

// unprepared is a text that is not kept.
type unprepared struct {
	pool *sql.DB
	text string
}

func (u unprepared) QueryContext(ctx context.Context, args ...any) (*sql.Rows, error) {
	return u.pool.QueryContext(ctx, u.text, args...)
}

func (u unprepared) ExecContext(ctx context.Context, args ...any) (sql.Result, error) {
	return u.pool.ExecContext(ctx, u.text, args...)
}
