package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"aaa-api/internal/web"
)

const (
	// readyTime bounds the checks of /readyz together: balancers wait for a second or two, Kubernetes for one.
	readyTime = 500 * time.Millisecond
	// storeCheckTime bounds a question to the store, which goes on after readyTime for those who ask later.
	storeCheckTime = 3 * time.Second
	// storeCheckEvery is how often the store is asked at the most, however many balancers and strangers ask for /readyz.
	storeCheckEvery = 500 * time.Millisecond
)

// healthz says that the process lives; nothing else is looked at.
func (a *API) healthz(c *web.Call) error {
	c.Send(http.StatusOK, web.FormJSON, []byte(`{"status":"ok"}`+"\n"))
	return nil
}

// What /readyz says of the node and of each check.
const (
	stateOK          = "ok"
	stateDegraded    = "degraded" // AAA requests are served
	stateUnavailable = "unavailable"
)

// readyz says whether AAA requests can be served, and by which checks. What is wrong goes to the log alone.
func (a *API) readyz(c *web.Call) error { return a.ready(c, false) }

// readyzBrief is readyz without the checks.
func (a *API) readyzBrief(c *web.Call) error { return a.ready(c, true) }

func (a *API) ready(c *web.Call, brief bool) error {
	ctx, cancel := context.WithTimeout(c.Context(), readyTime)
	defer cancel()
	status, checks := stateOK, make(map[string]string, len(a.Ready)+2)
	note := func(name string, err error, then string) {
		checks[name] = stateOK
		if err != nil {
			checks[name] = stateUnavailable
			c.Note(err)
			if status != stateUnavailable {
				status = then
			}
		}
	}
	without := stateUnavailable // what the node is while its store can't be read
	if a.Tree.Warm() > 0 {
		without = stateDegraded
	}
	a.storeReads.ask(ctx, a.Store.Ping)
	a.storeWrites.ask(ctx, a.Store.CheckWrite)
	note("store", a.storeReads.answer(ctx), without)
	note("writes", a.storeWrites.answer(ctx), stateDegraded) // AAA requests write nothing
	for _, check := range a.Ready {
		note(check.Name, check.Ask(ctx), stateUnavailable)
	}
	answer := map[string]any{"status": status}
	if !brief {
		answer["checks"] = checks
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	code := http.StatusOK
	if status == stateUnavailable {
		code = http.StatusServiceUnavailable
		c.Header().Set("Retry-After", "1")
	}
	c.Send(code, web.FormJSON, append(text, '\n'))
	return nil
}

// errSlowStore is the result of a check that is still waiting for the store.
var errSlowStore = errors.New("the store has not answered yet")

// storeCheck is a question to the store that all callers of /readyz share. Its answer is remembered for storeCheckEvery.
type storeCheck struct {
	mu      sync.Mutex
	asked   time.Time
	pending chan struct{} // closed with the answer; nil: no question is under way
	err     error
}

// ask puts the question unless it is under way or was answered a moment ago.
func (s *storeCheck) ask(ctx context.Context, question func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending != nil || time.Since(s.asked) < storeCheckEvery {
		return
	}
	s.asked, s.pending = time.Now(), make(chan struct{})
	ctx = context.WithoutCancel(ctx) // the answer is for others, too
	go func() {
		ctx, cancel := context.WithTimeout(ctx, storeCheckTime)
		defer cancel()
		err := question(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		close(s.pending)
		s.asked, s.pending, s.err = time.Now(), nil, err
	}()
}

// answer waits for the answer until ctx ends or the question is older than readyTime.
func (s *storeCheck) answer(ctx context.Context) error {
	s.mu.Lock()
	pending, left, err := s.pending, readyTime-time.Since(s.asked), s.err
	s.mu.Unlock()
	if pending == nil {
		return err
	}
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-pending:
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.err
	case <-t.C:
	case <-ctx.Done():
	}
	return errSlowStore
}

func (a *API) metrics(c *web.Call) error {
	if a.Metrics == nil {
		return web.ErrNoRoute
	}
	a.Metrics.ServeHTTP(c, c.Request())
	return nil
}
