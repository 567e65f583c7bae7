package httpapi

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/token"
	"aaa-api/internal/web"
)

// Batches of an account leave a quarter of its workers to its other requests, and others theirs.
func TestBatchesLeaveWorkers(t *testing.T) {
	t.Parallel()
	began, let := make(chan struct{}, 100), make(chan struct{})
	w := newWorld(t, func(o *worldOptions) {
		service := o.Service
		o.Service = scripted{service, 0, func(ctx context.Context, req *aaa.Request) (*aaa.Result, error) {
			if strings.Contains(req.ID, "/") {
				began <- struct{}{}
				<-let
			}
			return service.Handle(ctx, req)
		}}
	})
	w.document(w.tenant) // of 5 workers
	w.document(w.sibling)
	var body strings.Builder
	for i := range 20 {
		fmt.Fprintf(&body, goodLine, i)
	}
	var done sync.WaitGroup
	for range 2 {
		done.Go(func() {
			if _, _, end := answerLines(t, w.batch(w.tenantToken, w.tenant, "", body.String()).text); end.Lines != 20 || end.Errors != 0 {
				t.Errorf("%+v", end)
			}
		})
	}
	for range 3 {
		<-began
	}
	w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/authn"), data(`{"User-Name":"bob"}`)).want(200)
	w.call(w.token(w.sibling, token.Scopes()...), "POST", at(w.sibling, "/aaa/authn"), data(`{"User-Name":"bob"}`)).want(200)
	w.api.lanes.mu.Lock()
	running, waiting := w.api.lanes.accounts[w.tenant].asking.Depth()
	w.api.lanes.mu.Unlock()
	if len(began) > 0 || running != 3 || waiting > 2 {
		t.Errorf("%d lines run, %d wait: two calls read on beyond what may run", running, waiting)
	}
	close(let)
	done.Wait()
	if n := len(w.api.lanes.accounts); n != 0 {
		t.Errorf("the lanes of %d accounts are kept", n)
	}
}

// A batch waits for its account's requests a second, where a single request is refused.
func TestBatchWaitsForTheRate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	w.allow(w.tenant, `{"requests_per_second":40}`)
	var body strings.Builder
	for i := range 60 {
		fmt.Fprintf(&body, goodLine, i)
	}
	byID, _, done := answerLines(t, w.batch(w.tenantToken, w.tenant, "", body.String()).text)
	if done.Lines != 60 || done.Errors != 0 || len(byID) != 60 {
		t.Errorf("%+v", done)
	}
	w.allow(w.tenant, `{"requests_per_second":0}`)
	byID, _, _ = answerLines(t, w.batch(w.tenantToken, w.tenant, "", fmt.Sprintf(goodLine, 1)).text)
	if a := byID["1"]; a.Error != "429" || a.RetryAfter != 1 || a.Message != web.SlugTooMany {
		t.Errorf("%+v", a)
	}
}

// Turns follow each other as fast as the rate is, and none is later than a line waits.
func TestRatePace(t *testing.T) {
	t.Parallel()
	var p ratePace
	now := time.Now()
	refused := &aaa.Error{Kind: aaa.KindLimited, RetryAfter: time.Second, Excess: &aaa.Excess{Allowed: 10}}
	for i := range 30 {
		at, ok := p.turn(now, now.Add(2*time.Second), refused)
		if want := now.Add(time.Second + time.Duration(i)*time.Second/10); ok != (i <= 10) || ok && !at.Equal(want) {
			t.Errorf("turn %d: %v %v", i, at.Sub(now), ok)
		}
	}
}

// What is stored asks no server: more of it may wait, and none of it is counted among the workers.
func TestBatchOfStoredRecords(t *testing.T) {
	t.Parallel()
	const lines = 500
	var all sync.WaitGroup
	all.Add(lines)
	w := newWorld(t, func(o *worldOptions) {
		o.Service = scripted{o.Service, 1, func(_ context.Context, req *aaa.Request) (*aaa.Result, error) {
			if req.Op == aaa.Accounting != req.Stored {
				return nil, errors.New("the wrong one is stored")
			}
			if req.Stored {
				all.Done()
				all.Wait() // for one commit
			}
			return accepted, nil
		}}
	})
	var body strings.Builder
	for i := range lines {
		fmt.Fprintf(&body, `{"id":"%d","op":"accounting","data":{"User-Name":"bob"}}`+"\n", i)
	}
	fmt.Fprintf(&body, goodLine, lines)
	if _, _, done := answerLines(t, w.batch(w.tenantToken, w.tenant, "?accept=stored", body.String()).text); done.Lines != lines+1 || done.Errors != 0 {
		t.Errorf("%+v", done)
	}
}
