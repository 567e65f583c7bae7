package gateway

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/pool"
	"aaa-api/internal/session"
	"aaa-api/internal/store"
)

// full takes the only place of an account's pool, and returns the pool.
func (f *fixture) full(account string) *pool.Pool {
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
func queued(t *testing.T, p *pool.Pool, n int) {
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
		"a caller's": func(req *aaa.Request) (*aaa.Result, error) { return f.gateway.Handle(f.ctx, req) },
		"a session's": func(req *aaa.Request) (*aaa.Result, error) {
			return sessionAAA{f.gateway}.Account(f.ctx, &session.Record{Account: req.Account, Kind: store.SpoolStart, At: time.Now(), Values: req.Values})
		},
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

// TestCallersWhoLeave: they are counted as such, be it that they waited for a worker, a server or an external
// authoriser, and no fault of the service or of the server.
func TestCallersWhoLeave(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", doc("on", "a"))
	ctx, leave := context.WithCancel(f.ctx)
	defer leave()
	ask := func() error {
		_, err := f.gateway.Handle(ctx, &aaa.Request{Account: f.ids["customer"], Op: aaa.Authn, Values: map[string]any{"User-Name": "alice"}})
		return err
	}
	f.engine.set("a", func(*engines.Request) (*engines.Reply, error) {
		leave()
		return nil, &engines.Failure{Reason: engines.NoAnswer, Attempts: 1, Err: ctx.Err()}
	})
	if err := ask(); !errors.Is(err, context.Canceled) {
		t.Fatalf("with the server asked: %v", err)
	}
	if d := cmp.Diff(map[string]float64{"cancelled": 1}, f.counted("aaa_api_backend_exchanges_total", nil)); d != "" {
		t.Errorf("counted of the server (-want +got):\n%s", d)
	}

	pool := f.full("customer")
	ctx, leave = context.WithCancel(f.ctx)
	done := make(chan error, 1)
	go func() { done <- ask() }()
	queued(t, pool, 1)
	leave()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("in the queue: %v", err)
	}
	pool.Release()
	if d := cmp.Diff(map[string]float64{"cancelled": 2}, f.counted("aaa_api_requests_total", map[string]string{"op": "authn"})); d != "" {
		t.Errorf("counted of requests (-want +got):\n%s", d)
	}

	f.put("system", with(doc("inherit"), `"authz_providers":{"jonny5":{"url":"http://192.0.2.9/authz","secret":"k3y"}}`))
	f.put("customer", with(doc("on", "a"), `"authz_apps":["jonny5"]`))
	ctx, leave = context.WithCancel(f.ctx)
	f.asked.leave = leave
	res, err := f.gateway.Handle(ctx, &aaa.Request{Account: f.ids["customer"], Op: aaa.Authz, Values: map[string]any{"User-Name": "alice"}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("at an external authoriser: %+v, %v", res, err)
	}
	if d := cmp.Diff(map[string]float64{"cancelled": 1}, f.counted("aaa_api_requests_total", map[string]string{"op": "authz"})); d != "" {
		t.Errorf("counted of requests (-want +got):\n%s", d)
	}

	// The service's own time limit is another matter.
	f.engine.set("a", func(*engines.Request) (*engines.Reply, error) { return nil, context.DeadlineExceeded })
	ctx = f.ctx
	if err := ask(); aaa.KindOf(err) != aaa.KindNoAnswer {
		t.Fatalf("out of time: %v", err)
	}
	if d := cmp.Diff(map[string]float64{"cancelled": 1, "no answer": 1}, f.counted("aaa_api_backend_exchanges_total", nil)); d != "" {
		t.Errorf("counted of the server (-want +got):\n%s", d)
	}
}
