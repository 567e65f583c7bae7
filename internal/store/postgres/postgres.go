// Package postgres is the store of a production deployment, which several nodes
// share: PostgreSQL, or an engine that speaks it.
package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlstore"
)

// Options of Open. A zero value means the default.
type Options struct {
	// MaxConns bounds the pool; default is the URL's pool_max_conns or 16. One more
	// connection listens for each Wake.
	MaxConns int
	// Timeout bounds one operation, the wait for a connection and for locks included; default sqlstore.Timeout.
	Timeout time.Duration
	Log     *slog.Logger // of the listener; default none
}

const (
	defaultConns   = 16
	connectTimeout = 3 * time.Second // unless the URL has connect_timeout
)

// Store is an open database.
type Store struct {
	*sqlstore.Store
	driver *driver
}

var _ store.Store = (*Store)(nil)

// Open connects to the database at url (a postgres:// address or key=value
// pairs, as libpq takes them). The error is ErrUnavailable where it does not
// answer. The tables are Migrate's.
func Open(ctx context.Context, url string, opts Options) (*Store, error) {
	config, err := pgxpool.ParseConfig(url) // its error hides the password
	if err != nil {
		return nil, err
	}
	switch {
	case opts.MaxConns > 0:
		config.MaxConns = int32(min(opts.MaxConns, 10_000))
	case !strings.Contains(url, "pool_max_conns"):
		config.MaxConns = defaultConns
	}
	if opts.Timeout <= 0 {
		opts.Timeout = sqlstore.Timeout
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if !strings.Contains(url, "connect_timeout") {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "aaa-api"
	}
	several(config, strings.Contains(url, "target_session_attrs") || os.Getenv("PGTARGETSESSIONATTRS") != "")
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	d := newDriver(pool, opts)
	if _, err := d.Exec(ctx, `SELECT 1`); err != nil {
		_ = d.Close()
		return nil, fmt.Errorf("open PostgreSQL: %w", err)
	}
	return &Store{Store: sqlstore.New(d), driver: d}, nil
}

// driver implements sqlstore.Driver.
type driver struct {
	pool    *pgxpool.Pool
	timeout time.Duration
	log     *slog.Logger
	begin   string       // the statements that begin a write
	renewed atomic.Int64 // Unix time in nanoseconds when the connections were last made anew

	written chan struct{}   // asks the notifier for a NOTIFY
	life    context.Context // ends with Close
	end     context.CancelFunc
	running sync.WaitGroup // the notifier and the listeners

	mu     sync.Mutex
	closed bool
}

func newDriver(pool *pgxpool.Pool, opts Options) *driver {
	d := &driver{pool: pool, timeout: opts.Timeout, log: opts.Log, written: make(chan struct{}, 1)}
	d.life, d.end = context.WithCancel(context.Background())
	d.begin = beginWrite("read committed", opts.Timeout)
	d.running.Go(d.notifier)
	return d
}

// beginWrite makes the statements, one round trip, that begin a write. A node
// that hangs inside a transaction holds the change counter: the server ends that,
// and the wait of others for it. The wait ends before the operation's time does, so that a writer knows that others keep it
// waiting and not the database.
func beginWrite(isolation string, timeout time.Duration) string {
	ms := max(timeout.Milliseconds(), 1)
	return fmt.Sprintf("begin isolation level %s; set local lock_timeout = %d; set local idle_in_transaction_session_timeout = %d",
		isolation, max(ms*4/5, 1), ms)
}

// Close stops the listeners, sends a NOTIFY that is still owed and closes the
// connections, waiting for those in use.
func (d *driver) Close() error {
	d.mu.Lock()
	first := !d.closed
	d.closed = true
	d.mu.Unlock()
	if first {
		d.end()
		d.running.Wait()
		d.pool.Close()
	}
	return nil
}
