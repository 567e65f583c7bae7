package session

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"strconv"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/aaa"
)

// crowd gives an account many more sessions like one that it has. Only the first ones, so many, can be opened; the others come after
// them, and have the same body.
func (w *world) crowd(m *Manager, sid string, many, first int) {
	w.t.Helper()
	like, err := m.get(w.ctx, w.mine, sid)
	w.must(err)
	db, err := sql.Open("sqlite", w.path)
	w.must(err)
	defer db.Close() //nolint:errcheck // the commit has told
	tx, err := db.BeginTx(w.ctx, nil)
	w.must(err)
	defer tx.Rollback() //nolint:errcheck // after the commit there is nothing to roll back
	for n := range first {
		s := *like
		s.rec.Hash, s.rec.ID = sha256.Sum256([]byte(strconv.Itoa(n))), "crowd"+strconv.Itoa(n)
		w.must(m.pack(w.ctx, &s))
		_, err := tx.ExecContext(w.ctx, `INSERT INTO sessions (account_id, hash, id, revision, state, open, body, due_at, node, created_at, updated_at)
			SELECT account_id, ?, ?, 1, state, open, ?, due_at, node, created_at, updated_at FROM sessions WHERE account_id = ? AND id = ?`,
			s.rec.Hash[:], s.rec.ID, string(s.rec.Body), string(w.mine), like.rec.ID)
		w.must(err)
	}
	_, err = tx.ExecContext(w.ctx, `WITH RECURSIVE n (n) AS (SELECT ? UNION ALL SELECT n + 1 FROM n WHERE n < ?)
		INSERT INTO sessions (account_id, hash, id, revision, state, open, body, due_at, node, created_at, updated_at)
		SELECT account_id, randomblob(32), 'crowd' || n, 1, state, open, body, due_at + 1, node, created_at, updated_at
		FROM sessions, n WHERE account_id = ? AND id = ?`, first, many-1, string(w.mine), like.rec.ID)
	w.must(err)
	w.must(tx.Commit())
}

// written counts the sessions of a crowd that were written since.
func (w *world) written() (n int) {
	w.t.Helper()
	db, err := sql.Open("sqlite", w.path)
	w.must(err)
	defer db.Close() //nolint:errcheck // it only reads
	w.must(db.QueryRowContext(w.ctx, `SELECT COUNT(*) FROM sessions WHERE id LIKE 'crowd%' AND revision > 1`).Scan(&n))
	return n
}

// TestCrowd: a tenant with 15,000 sessions whose time is over and a silent accounting server. Another one's Stop goes out with the
// next look at what is due, no session is written that is not tried, the silent server is tried ever more rarely, and
// once it answers, the tenant is served as any other.
func TestCrowd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	quiet := w.foreign
	w.crowd(m, w.opened(m, aaa.Values{"Session-Timeout": json.Number("600")}), 15_000, 250)
	w.mine = quiet
	sid := w.opened(m, aaa.Values{"Session-Timeout": json.Number("605")})
	opened := w.clock.now()

	var mu sync.Mutex
	tried, goOn, answers := 0, make(chan struct{}), false
	stopped := make(chan time.Duration, 1)
	w.aaa.acct = func(req *aaa.Request) (*aaa.Result, error) {
		if req.Account == quiet {
			stopped <- w.clock.now().Sub(opened)
			return &aaa.Result{Outcome: aaa.Accept}, nil
		}
		mu.Lock()
		tried++
		wait, answered := goOn, answers
		mu.Unlock()
		if !answered {
			<-wait
			return fails(aaa.KindNoAnswer)(req)
		}
		return &aaa.Result{Outcome: aaa.Accept}, nil
	}
	tries := func() int {
		mu.Lock()
		defer mu.Unlock()
		n := tried
		tried = 0
		return n
	}

	// While the server is silent and nothing has come to its end.
	var under sync.WaitGroup
	w.clock.pass(600 * time.Second)
	for range 6 {
		m.poll(w.ctx, &under)
		w.clock.pass(pollInterval)
	}
	if after := <-stopped; after > 606*time.Second {
		t.Errorf("the quiet tenant's Stop goes out %v after its time", after-605*time.Second)
	}
	close(goOn)
	under.Wait()
	w.is(m, sid, Closed, causeTimeout)
	n := tries()
	if n > maxOfAccount {
		t.Errorf("%d records of one tenant were under way", n)
	}
	if got := w.written(); got > n {
		t.Errorf("%d sessions were written to try %d", got, n)
	}

	// Each try fails at once, for five minutes.
	for range 5 * 60 / 10 {
		m.look(w.ctx)
		w.clock.pass(10 * pollInterval)
	}
	if n := tries(); n < 4 || n > 15 {
		t.Errorf("a silent server was tried %d times in five minutes", n)
	}

	mu.Lock()
	answers = true
	mu.Unlock()
	w.clock.pass(maxSilence)
	for range 8 {
		m.look(w.ctx)
		w.clock.pass(pollInterval)
	}
	if n := tries(); n < 2*maxOfAccount {
		t.Errorf("a server that answers again had %d records after 8 looks", n)
	}
}

// TestCrowdOfTenants: so many tenants with silent servers that they could hold every place leave some to those who have none.
func TestCrowdOfTenants(t *testing.T) {
	t.Parallel()
	s := newShares(32, 8)
	now := time.Unix(0, 0)
	tenant := func(n int) aaa.AccountID { return aaa.AccountID("tenant" + strconv.Itoa(n)) }
	held := 0
	enter := func(n int) bool {
		ok := s.enter(tenant(n), now)
		if ok {
			held++
		}
		return ok
	}
	fill := func() {
		for n := range 10 {
			for enter(n) {
			}
		}
	}
	fill()
	if held != 24+4 { // six have four places each, and the last ones find a place
		t.Errorf("ten tenants hold %d of 32 places", held)
	}
	if !s.enter("quiet", now) {
		t.Error("there is no place for a quiet one")
	}
	s.leave("quiet", delivered, now)
	for n := range 10 {
		for s.of[tenant(n)].running > 0 {
			s.leave(tenant(n), undelivered, now)
		}
	}
	held, now = 0, now.Add(maxSilence)
	fill()
	if held > 16 {
		t.Errorf("tenants that are known to be silent hold %d of 32 places", held)
	}
	for range 3 {
		if !s.enter("quiet", now) {
			t.Error("there is no place for a quiet one")
		}
	}
	s.forget(now)
	if len(s.of) < 5 {
		t.Error("those that hold a place are forgotten")
	}
}

// TestHalfSilent: a tenant one of whose two servers is silent goes on to be served by the other one.
func TestHalfSilent(t *testing.T) {
	t.Parallel()
	s := newShares(maxAtOnce, maxOfAccount)
	now := time.Unix(0, 0)
	for n := range 200 {
		for !s.enter("mixed", now) {
			now = now.Add(time.Second)
		}
		s.leave("mixed", []outcome{delivered, undelivered}[n%2], now)
	}
	if waited := now.Sub(time.Unix(0, 0)); waited > 0 || s.of["mixed"].width < firstOfOne {
		t.Errorf("it waited for %v and may have %d places", waited, s.of["mixed"].width)
	}
}

// TestPlacesAgain: places that come free are given again without waiting for the next look.
func TestPlacesAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	m.pause = func(context.Context, time.Duration) error { return nil }
	const many = 3 * firstOfOne
	for range many {
		w.opened(m, aaa.Values{"Session-Timeout": json.Number("600")})
	}
	w.clock.pass(time.Hour)
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	all := make(chan struct{})
	var once sync.Once
	w.aaa.acct = func(*aaa.Request) (*aaa.Result, error) {
		w.aaa.mu.Lock()
		defer w.aaa.mu.Unlock()
		if len(w.aaa.sent) >= many {
			once.Do(func() { close(all) })
		}
		return &aaa.Result{Outcome: aaa.Accept}, nil
	}
	var under sync.WaitGroup
	m.poll(ctx, &under)
	polls := 0
	for done := false; !done; {
		select {
		case <-all:
			done = true
		case <-m.shares.again:
			m.poll(ctx, &under)
			polls++
		}
	}
	under.Wait()
	if polls > many/2 {
		t.Errorf("%d looks for %d sessions", polls, many)
	}
}
