package gateway

import (
	"runtime"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
)

// full takes the only place of an account's pool, and returns the pool.
func (f *fixture) full(account string) *engines.Pool {
	f.t.Helper()
	plan, err := f.tenants.Plan(f.ctx, f.ids[account])
	f.must(err)
	plan.Pool.SetWorkers(1)
	if !plan.Pool.TryAcquire() {
		f.t.Fatal("the pool is in use")
	}
	return plan.Pool
}

// queued waits until n requests wait for a worker.
func queued(t *testing.T, p *engines.Pool, n int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; runtime.Gosched() {
		if _, waiting := p.Depth(); waiting == n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d requests never waited", n)
		}
	}
}

// TestRecordIsOfWhenItArrived: a record that waited for a worker tells of the time at which its caller brought
// it, be it the caller's own or a session's.
func TestRecordIsOfWhenItArrived(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", doc("on", "a"))
	for name, handle := range map[string]func(*aaa.Request) (*aaa.Result, error){
		"a caller's":  func(req *aaa.Request) (*aaa.Result, error) { return f.gateway.Handle(f.ctx, req) },
		"a session's": func(req *aaa.Request) (*aaa.Result, error) { return sessionAAA{f.gateway}.Account(f.ctx, req) },
	} {
		pool := f.full("customer")
		before := time.Now()
		done := make(chan error, 1)
		go func() {
			_, err := handle(&aaa.Request{Account: f.ids["customer"], Op: aaa.Accounting, Values: map[string]any{"User-Name": "alice"}})
			done <- err
		}()
		queued(t, pool, 1)
		waited := time.Now()
		pool.Release()
		f.must(<-done)
		if at := f.engine.last().Begun; at.Before(before) || at.After(waited) {
			t.Errorf("%s record that arrived at %v and waited until %v is of %v", name, before, waited, at)
		}
	}
}
