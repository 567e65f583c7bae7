package bans

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/aaa"
)

// TestFlood: ten times the subjects that a node keeps of an account leave it within its bounds, in memory and in the queues of the store,
// and free neither a ban nor a subject with many points, be they of the flooded account or of another one.
func TestFlood(t *testing.T) {
	t.Parallel()
	c := newClock()
	n, p := newNode(t, "n", nil, c), policy("User-Name")
	other := newNode(t, "n", nil, c)
	other.Board, other.account = n.Board, "b0000000000000000000000000000001"
	n.rejected(8, p, user("eve"))
	n.rejected(7, p, user("mallory"))
	other.rejected(8, p, user("eve"))
	other.rejected(1, p, user("adam"))
	for i := range 10 * mostOfAccount {
		n.rejected(1, p, user(fmt.Sprint("stranger", i)))
	}
	if n.banned(p, user("eve")) == 0 || other.banned(p, user("eve")) == 0 {
		t.Error("a flood frees")
	}
	n.rejected(1, p, user("mallory"))
	other.rejected(7, p, user("adam"))
	if n.banned(p, user("mallory")) == 0 || other.banned(p, user("adam")) == 0 {
		t.Error("a flood makes points forgotten")
	}
	bounded(t, n)
	if size := n.lock(tenant); len(size.subjects) != mostOfAccount {
		t.Errorf("the account has %d subjects", len(size.subjects))
	}
}

func bounded(t *testing.T, n *node) {
	t.Helper()
	boundedBut(t, n, 0)
}

// boundedBut is bounded of an account that may have more bans: those that requests begin while the store makes others.
func boundedBut(t *testing.T, n *node, more int) {
	t.Helper()
	var subjects int64
	n.accounts.Range(func(_ aaa.AccountID, a *account) bool {
		subjects += int64(len(a.subjects))
		if len(a.subjects) > n.bounds.account || a.live.Load() > int64(n.bounds.bans+more) || a.size.Load() != int64(len(a.subjects)) {
			t.Errorf("account %s has %d subjects, %d bans", a.id, len(a.subjects), a.live.Load())
		}
		return true
	})
	if subjects != n.subjects.Load() || subjects > int64(n.bounds.node) {
		t.Errorf("the node has %d subjects, and counts %d", subjects, n.subjects.Load())
	}
	if most := n.bounds.node * 5 / 4; len(n.urgent) > most || len(n.dirty) > most || len(n.evicted) > n.bounds.account {
		t.Errorf("%d bans and %d points wait to be written, %d to be forgotten", len(n.urgent), len(n.dirty), len(n.evicted))
	}
}

// TestFloodOfBans: bans never give way to one another in an account: beyond as many as it may have, no more begin.
func TestFloodOfBans(t *testing.T) {
	t.Parallel()
	n, p := newNode(t, "n", nil, newClock()), policy("User-Name")
	for i := range MostBans + 2000 {
		n.rejected(8, p, user(fmt.Sprint("stranger", i)))
	}
	for i := range MostBans {
		if n.banned(p, user(fmt.Sprint("stranger", i))) == 0 {
			t.Fatalf("ban %d has ended", i)
		}
	}
	if n.banned(p, user(fmt.Sprint("stranger", MostBans))) != 0 {
		t.Error("one more ban begins")
	}
	bounded(t, n)
}

// TestFullNode: when the node is full, the account with the most subjects makes room for the others.
func TestFullNode(t *testing.T) {
	t.Parallel()
	n, p := newNode(t, "n", nil, newClock()), policy("User-Name")
	n.bounds = bounds{node: 1000, account: 900, bans: 900}
	for i := range 900 {
		n.rejected(8, p, user(fmt.Sprint("stranger", i)))
	}
	for account := range 50 {
		n.account = aaa.AccountID(fmt.Sprintf("%032x", account))
		for i := range 8 {
			n.rejected(1, p, user(fmt.Sprint("user", i)))
		}
		n.rejected(8, p, user("eve"))
	}
	for account := range 50 {
		n.account = aaa.AccountID(fmt.Sprintf("%032x", account))
		if n.banned(p, user("eve")) == 0 {
			t.Errorf("account %d bans nobody", account)
		}
	}
	bounded(t, n)
}

// TestFloodOfTheStore: what gives way in memory is deleted in the store, so that a flood grows neither.
func TestFloodOfTheStore(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	n, p := newNode(t, "n", s, newClock()), policy("User-Name")
	n.bounds = bounds{node: 100, account: 50, bans: 25}
	n.rejected(8, p, user("eve"))
	for i := range 500 {
		n.rejected(1, p, user(fmt.Sprint("stranger", i)))
		if i%25 == 0 {
			n.Sync(t.Context())
		}
	}
	n.Sync(t.Context())
	bounded(t, n)
	list, _, err := s.Since(t.Context(), 0, 1000)
	if err != nil || len(list) > 50 {
		t.Errorf("%d rows are stored, %v", len(list), err)
	}
	other := newNode(t, "other", s, newClock())
	if other.Sync(t.Context()); other.banned(p, user("eve")) == 0 {
		t.Error("a flood takes a ban out of the store")
	}
}

// TestAtOnce: requests of several accounts, in a node that is full, beside the exchange with the store.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	c := newClock()
	n, p := newNode(t, "n", openStore(t), c), policy("User-Name", "Calling-Station-Id")
	n.bounds = bounds{node: 200, account: 60, bans: 20}
	accounts := make([]aaa.AccountID, 8)
	var asking sync.WaitGroup
	for i := range accounts {
		accounts[i] = aaa.AccountID(fmt.Sprintf("%032x", i))
		asking.Go(func() {
			for at := range 2000 {
				values := aaa.Values{"User-Name": fmt.Sprint("user", at%100), "Calling-Station-Id": fmt.Sprintf("2001:db8:0:%x::1", at%50)}
				if n.Refuse(accounts[i], []*Policy{p}, values) == nil {
					n.Rejected(accounts[i], []*Policy{p}, values)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { asking.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		n.Sync(t.Context())
		c.pass(10 * time.Second)
	}
	boundedBut(t, n, n.bounds.account)
	for _, account := range accounts { // however much went on before
		n.account = account
		if n.rejected(8, p, user("eve")); n.banned(p, user("eve")) == 0 && n.lock(account).live.Load() < int64(n.bounds.bans) {
			t.Errorf("account %s bans nobody", account)
		}
	}
}
