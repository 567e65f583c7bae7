package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

const (
	// readyTime bounds the checks of /readyz together.
	readyTime = 3 * time.Second
	// storeCheckEvery is how often the store is asked at the most, however many balancers and strangers ask for /readyz.
	storeCheckEvery = 500 * time.Millisecond
)

// healthz says that the process lives; nothing else is looked at.
func (a *API) healthz(c *call) error {
	c.send(http.StatusOK, jsonType, []byte(`{"status":"ok"}`+"\n"))
	return nil
}

// What /readyz says of the node and of each check.
const (
	stateOK          = "ok"
	stateDegraded    = "degraded" // AAA requests are served
	stateUnavailable = "unavailable"
)

// readyz says whether AAA requests can be served, and by which checks unless the door is brief. What is wrong goes to the log alone.
func (a *API) readyz(c *call) error {
	ctx, cancel := context.WithTimeout(c.ctx(), readyTime)
	defer cancel()
	status, checks := stateOK, make(map[string]string, len(a.Ready)+2)
	note := func(name string, err error, then string) {
		checks[name] = stateOK
		if err != nil {
			checks[name], c.err = stateUnavailable, err
			if status != stateUnavailable {
				status = then
			}
		}
	}
	without := stateUnavailable // what the node is while its store can't be read
	if a.Tree.Warm() > 0 {
		without = stateDegraded
	}
	read, write := a.storeChecks.ask(ctx, a.Store.Ping, a.Store.CheckWrite)
	note("store", read, without)
	note("writes", write, stateDegraded) // AAA requests write nothing
	for _, check := range a.Ready {
		note(check.Name, check.Ask(ctx), stateUnavailable)
	}
	answer := map[string]any{"status": status}
	if !c.door.brief {
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
	c.send(code, jsonType, append(text, '\n'))
	return nil
}

// storeChecks remembers for a moment whether the store can be read and written. One caller asks, those that come
// meanwhile wait for its answer.
type storeChecks struct {
	mu          sync.Mutex
	asked       time.Time
	read, write error
}

func (s *storeChecks) ask(ctx context.Context, read, write func(context.Context) error) (readErr, writeErr error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.asked) < storeCheckEvery {
		return s.read, s.write
	}
	// A caller who goes away must not make the store look away to others.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTime)
	defer cancel()
	if s.read = read(ctx); s.read != nil {
		s.write = s.read
	} else {
		s.write = write(ctx)
	}
	s.asked = time.Now()
	return s.read, s.write
}

func (a *API) metrics(c *call) error {
	if a.Metrics == nil {
		return errNoRoute
	}
	a.Metrics.ServeHTTP(c, c.r)
	return nil
}
