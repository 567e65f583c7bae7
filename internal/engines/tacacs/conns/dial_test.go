package conns

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/tacacs"
)

// TestBackoff: after a failure no connection is tried for a while, twice as long after the
// next, and sessions fail at once meanwhile. A connection makes it as new.
func TestBackoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		p := startPeer(t, &peer{Secret: testSecret, Listener: network}, good)
		dials, refuse := 0, true
		opts := Options{BackoffMin: 50 * time.Millisecond, BackoffMax: 80 * time.Millisecond}
		opts.Dial = func(ctx context.Context, name, address string) (net.Conn, error) {
			dials++
			if refuse {
				return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
			}
			return network.Dial(ctx, name, address)
		}
		m := managerOf(t, p, opts)
		for i, want := range []time.Duration{50 * time.Millisecond, 80 * time.Millisecond, 80 * time.Millisecond} {
			fails(t, "refused", tryLogin(m), engines.Unreachable, syscall.ECONNREFUSED)
			pause := time.Until(m.retryAt)
			if pause > want*11/10 || pause < want*9/10 {
				t.Errorf("pause %v after failure %d, want %v", pause, i+1, want)
			}
			time.Sleep(pause - time.Nanosecond)
			for range 10 {
				fails(t, "at once", tryLogin(m), engines.Unreachable, syscall.ECONNREFUSED)
			}
			if dials != i+1 {
				t.Errorf("%d dials after failure %d", dials, i+1)
			}
			time.Sleep(time.Nanosecond)
		}
		refuse = false
		login(t, m)
		if m.failures != 0 {
			t.Errorf("%d failures remembered", m.failures)
		}
	})
}

// TestUnreachable: many sessions that wait for one connection fail together.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	var dials atomic.Int32
	opts := Options{Connections: 2, BackoffMin: 10 * time.Second, DialTimeout: 30 * time.Millisecond}
	opts.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		dials.Add(1)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	m, err := NewManager("192.0.2.1:49", Secrets{Current: aaa.NewSecret("x")}, opts)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { fails(t, "nobody there", tryLogin(m), engines.Unreachable, context.DeadlineExceeded) })
	}
	wg.Wait()
	if n := dials.Load(); n > 2 {
		t.Errorf("%d connections were tried", n)
	}
	if s := m.Stats(); s != (Stats{}) {
		t.Errorf("%+v", s)
	}
}

// TestDialCancelled: a caller that goes while it dials is no failure of the server's.
func TestDialCancelled(t *testing.T) {
	t.Parallel()
	p := newPeer(t, good)
	dialling, first := make(chan struct{}), true
	opts := Options{}
	opts.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if first {
			first = false
			close(dialling)
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	m := managerOf(t, p, opts)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-dialling; cancel() }()
	if err := m.Exchange(ctx, pap("password"), new(tacacs.AuthenReply)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	login(t, m)
}

// TestDialHasty: nor is one whose deadline ends the attempt, which net.Dialer reports in its own words.
func TestDialHasty(t *testing.T) {
	t.Parallel()
	p := newPeer(t, good)
	hasty := true
	opts := Options{BackoffMin: time.Hour, BackoffMax: time.Hour}
	opts.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if hasty {
			by, _ := ctx.Deadline()
			time.Sleep(time.Until(by)) // it has a timer of its own
			return nil, &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	m := managerOf(t, p, opts)
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	var f *engines.Failure
	if err := m.Exchange(ctx, pap("password"), new(tacacs.AuthenReply)); !errors.Is(err, context.DeadlineExceeded) || errors.As(err, &f) {
		t.Errorf("hasty: %v", err)
	}
	hasty = false
	login(t, m)
}
