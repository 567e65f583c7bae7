package postgres

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"aaa-api/internal/store/pgtest"
)

// TestDeadHostIsPassedOver: a host whose dial times out is not dialled again while another one is in use. One that only
// takes connections, as a standby that is read-only, is not reason enough.
func TestDeadHostIsPassedOver(t *testing.T) {
	t.Parallel()
	dead := map[string]bool{"first": true}
	h := &hosts{seen: map[string]host{}, dial: func(_ context.Context, _, address string) (net.Conn, error) {
		if dead[address] {
			return nil, &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
		}
		c, _ := net.Pipe()
		return c, nil
	}}
	dial := func(address string, want error) {
		t.Helper()
		if _, err := h.Dial(t.Context(), "tcp", address); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", address, err, want)
		}
	}
	dial("first", os.ErrDeadlineExceeded)
	dial("second", nil)
	dial("first", os.ErrDeadlineExceeded)
	h.seen["second"] = host{good: true}
	dial("first", errDeadHost)
	if h.passOver("first", time.Now().Add(deadFor)) {
		t.Error("the host is passed over for longer than it should be")
	}
	dead["second"] = true
	dial("second", os.ErrDeadlineExceeded)
	dial("first", os.ErrDeadlineExceeded)
	delete(dead, "first")
	dial("first", nil)
}

// TestHungHostIsPassedOver: a host that takes connections and says nothing costs the time to connect once.
func TestHungHostIsPassedOver(t *testing.T) {
	t.Parallel()
	address := pgtest.Migrated(t, Migrate)
	config, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "hung")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // the test is over
	var taken atomic.Int32
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close() //nolint:errcheck // the test is over
			taken.Add(1)
		}
	}()
	s, err := Open(t.Context(), "postgres://postgres@/"+config.Database+"?sslmode=disable&connect_timeout=1&host="+url.QueryEscape(dir+","+config.Host), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // the test is over
	for range 3 {
		s.driver.pool.Reset()
		if err := s.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if n := taken.Load(); n != 1 {
		t.Errorf("the hung host was connected to %d times", n)
	}
}
