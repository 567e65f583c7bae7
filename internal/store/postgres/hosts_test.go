package postgres_test

import (
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"aaa-api/internal/store"
	"aaa-api/internal/store/pgtest"
	"aaa-api/internal/store/postgres"
)

// hostsURL is the address of a database at several hosts, each the folder of a socket, without a word of which one is meant.
func hostsURL(database string, folders ...string) string {
	return "postgres://postgres@/" + database + "?sslmode=disable&host=" + url.QueryEscape(strings.Join(folders, ","))
}

// socketOf is the folder of a cluster's socket.
func socketOf(t *testing.T, address string) string {
	t.Helper()
	return must[*pgx.ConnConfig](t)(pgx.ParseConfig(address)).Host
}

// TestStandbyFirst names a read-only server first in the URL: the connections are the other one's.
func TestStandbyFirst(t *testing.T) {
	t.Parallel()
	primary := pgtest.Private(t)
	standby := primary.Standby(t)
	address := hostsURL("postgres", socketOf(t, standby.URL("postgres")), socketOf(t, primary.URL("postgres")))
	if err := postgres.Migrate(t.Context(), address); err != nil {
		t.Fatal(err)
	}
	s := open(t, address)
	must[store.Account](t)(s.Accounts().Create(t.Context(), store.Account{Name: "root"}))
	either := open(t, address+"&target_session_attrs=any")
	if err := second(either.Accounts().Create(t.Context(), store.Account{Name: "other"})); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("told to take any server, a write says %v", err)
	}
}

// TestReadOnlyIsNoticed makes a server read-only under open connections: they are given up, for the address may lead elsewhere.
func TestReadOnlyIsNoticed(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	address := migrated(t)
	s := open(t, address+"&application_name=noticed&default_transaction_read_only=on")
	admin := must[*pgx.Conn](t)(pgx.Connect(ctx, address))
	defer admin.Close(ctx) //nolint:errcheck // nothing is pending
	pids := func() (list []int) {
		rows := must[pgx.Rows](t)(admin.Query(ctx, `SELECT pid FROM pg_stat_activity WHERE application_name = 'noticed' AND datname = current_database()`))
		return must[[]int](t)(pgx.CollectRows(rows, pgx.RowTo[int]))
	}
	if err := s.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	before := pids()
	if len(before) != 1 {
		t.Fatalf("connections %v", before)
	}
	if err := s.CheckWrite(ctx); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a write says %v", err)
	}
	if err := s.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids() {
		if pid == before[0] {
			t.Error("the connection to the read-only server is still in use")
		}
	}
}

// relay stands before a cluster, as a host that can die.
type relay struct {
	listener net.Listener
	mu       sync.Mutex
	frozen   bool
	open     []net.Conn
}

func newRelay(t *testing.T, to string) (*relay, string) {
	t.Helper()
	dir := must[string](t)(os.MkdirTemp("", "relay"))
	t.Cleanup(func() { os.RemoveAll(dir) })
	r := &relay{listener: must[net.Listener](t)(net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432")))}
	t.Cleanup(func() { r.listener.Close() })
	go func() {
		for {
			c, err := r.listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", filepath.Join(to, ".s.PGSQL.5432"))
			if err != nil {
				c.Close()
				continue
			}
			r.mu.Lock()
			r.open = append(r.open, c)
			r.mu.Unlock()
			go r.carry(c, server)
			go r.carry(server, c)
		}
	}()
	return r, dir
}

func (r *relay) carry(from, to net.Conn) {
	defer to.Close()
	buffer := make([]byte, 8192)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		r.mu.Lock()
		frozen := r.frozen
		r.mu.Unlock()
		if frozen {
			_, _ = io.Copy(io.Discard, from)
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// die answers nothing more on what is open, and takes no connection.
func (r *relay) die() {
	r.mu.Lock()
	r.frozen = true
	r.mu.Unlock()
	r.listener.Close()
}

// bury ends the connections, for which a closing pool would wait.
func (r *relay) bury() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.open {
		c.Close()
	}
}

// TestDeadHostCostsOneTimeout fills the pool with connections to a host that dies. One operation waits for it; those
// that follow go to the other host, though connections to the dead one were left.
func TestDeadHostCostsOneTimeout(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	address := migrated(t)
	database := must[*pgx.ConnConfig](t)(pgx.ParseConfig(address)).Database
	socket := socketOf(t, address)
	first, dir := newRelay(t, socket)
	s := must[*postgres.Store](t)(postgres.Open(ctx, hostsURL(database, dir, socket), postgres.Options{Timeout: 500 * time.Millisecond}))
	defer s.Close() //nolint:errcheck // the test is over
	admin := must[*pgx.Conn](t)(pgx.Connect(ctx, address))
	defer admin.Close(ctx) //nolint:errcheck // nothing is pending

	// Several reads that wait at once make as many connections.
	tx := must[pgx.Tx](t)(admin.Begin(ctx))
	must[pgconn.CommandTag](t)(tx.Exec(ctx, `LOCK TABLE change_counter`))
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() { _ = s.Ping(ctx) })
	}
	for waiting := 0; waiting < 6; {
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'change_counter'::regclass`).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	wg.Wait()

	first.die()
	if err := s.Ping(ctx); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("while the host dies: %v", err)
	}
	for range 8 {
		if err := s.Ping(ctx); err != nil {
			t.Errorf("after one time-out: %v", err)
		}
	}
	first.bury()
}

// TestSerializableEverywhere has all statements run as SERIALIZABLE: nodes that seal an account's first secret at once
// all get its key.
func TestSerializableEverywhere(t *testing.T) {
	t.Parallel()
	s := open(t, migrated(t)+"&default_transaction_isolation=serializable&pool_max_conns=16")
	for round := range 20 {
		var wg sync.WaitGroup
		start := make(chan struct{})
		for i := range 8 {
			wg.Go(func() {
				<-start
				if _, err := s.Keys().Add(t.Context(), "system_config", []byte{byte(i)}); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		close(start)
		wg.Wait()
		if err := s.Keys().Delete(t.Context(), "system_config"); err != nil {
			t.Fatal(err)
		}
	}
}
