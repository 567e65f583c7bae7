package radius

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/radius/avp/avptest"
)

// names is a Resolver whose answers a test sets.
type names struct {
	mu    sync.Mutex
	addrs []netip.Addr
	err   error
	delay time.Duration
	asked int
}

func (n *names) set(err error, addrs ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.err, n.addrs = err, nil
	for _, a := range addrs {
		n.addrs = append(n.addrs, netip.MustParseAddr(a))
	}
}

func (n *names) LookupNetIP(ctx context.Context, _, _ string) ([]netip.Addr, error) {
	select {
	case <-time.After(n.delay):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	return n.addrs, n.err
}

func TestResolve(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &names{delay: time.Second}
		n.set(nil, "192.0.2.1", "192.0.2.2")
		h := newHosts(n, time.Minute)
		check := func(want string, asked int, took time.Duration) {
			t.Helper()
			start := time.Now()
			a, err := h.resolve(t.Context(), "radius.example")
			got := "error"
			if err == nil {
				got = strings.Trim(fmt.Sprint(a), "[]")
			}
			n.mu.Lock()
			defer n.mu.Unlock()
			if got != want || n.asked != asked || time.Since(start) != took {
				t.Errorf("%s (%v) after %d look-ups in %v; want %s, %d, %v", got, err, n.asked, time.Since(start), want, asked, took)
			}
		}
		var wg sync.WaitGroup
		for range 10 { // one look-up for all who wait
			wg.Go(func() { check("192.0.2.1 192.0.2.2", 1, time.Second) })
		}
		wg.Wait()
		time.Sleep(59 * time.Second)
		check("192.0.2.1 192.0.2.2", 1, 0)
		n.set(nil, "192.0.2.3")
		time.Sleep(time.Second)
		check("192.0.2.1 192.0.2.2", 1, 0) // expired: still used while the look-up runs beside
		time.Sleep(2 * time.Second)
		check("192.0.2.3", 2, 0)
		n.set(nil, "192.0.2.4", "192.0.2.3")
		time.Sleep(61 * time.Second)
		check("192.0.2.3", 2, 0)
		time.Sleep(2 * time.Second)
		check("192.0.2.3 192.0.2.4", 3, 0) // those known before stay first
		n.set(errors.New("no such host"))
		time.Sleep(61 * time.Second)
		check("192.0.2.3 192.0.2.4", 3, 0)
		time.Sleep(2 * time.Second)
		check("192.0.2.3 192.0.2.4", 4, 0) // the name service is away, the server need not be
	})
}

func TestResolveFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &names{delay: time.Second}
		n.set(errors.New("no such host"))
		h := newHosts(n, time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := h.resolve(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("impatient: %v", err)
		}
		for range 3 { // a failure holds for a while
			if _, err := h.resolve(t.Context(), "x"); err == nil || n.asked != 1 {
				t.Errorf("%v after %d look-ups", err, n.asked)
			}
		}
		n.set(nil, "192.0.2.9")
		time.Sleep(missTTL)
		if a, err := h.resolve(t.Context(), "x"); err != nil || fmt.Sprint(a) != "[192.0.2.9]" {
			t.Errorf("%v, %v", a, err)
		}
		n.set(nil)
		if _, err := h.resolve(t.Context(), "empty"); err == nil {
			t.Error("a name without addresses resolved")
		}
	})
}

func TestUnresolvableIsUnreachable(t *testing.T) {
	t.Parallel()
	n := &names{}
	n.set(errors.New("no such host"))
	c := openTest(t, New(Options{Resolver: n}), aaa.Server{Address: "radius.example", Port: 1812, Secret: aaa.NewSecret("s"), Timeout: 1000})
	_, err := c.Exchange(t.Context(), login(avptest.New()))
	var f *engines.Failure
	if !errors.As(err, &f) || f.Reason != engines.Unreachable || f.Attempts != 0 {
		t.Errorf("%v", err)
	}
}

func TestHostsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &names{}
		n.set(nil, "192.0.2.1")
		h := newHosts(n, time.Minute)
		for i := range maxHosts + 100 {
			if _, err := h.resolve(t.Context(), string(rune('a'+i%26))+time.Duration(i).String()); err != nil {
				t.Fatal(err)
			}
		}
		if len(h.entries) > maxHosts {
			t.Errorf("%d names", len(h.entries))
		}
	})
}
