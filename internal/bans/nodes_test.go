package bans

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/store/pgtest"
	"aaa-api/internal/store/postgres"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := pgtest.DropTemplate(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// onBoth runs a test of two nodes that share a database: of either kind, and of PostgreSQL by a connection of their own each.
func onBoth(t *testing.T, test func(t *testing.T, c *clock, a, b *node)) {
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		s, c := openStore(t), newClock()
		test(t, c, newNode(t, "a", s, c), newNode(t, "b", s, c))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		url, c := pgtest.Migrated(t, postgres.Migrate), newClock()
		open := func() store.Bans {
			s, err := postgres.Open(t.Context(), url, postgres.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			return s.Bans()
		}
		test(t, c, newNode(t, "a", open(), c), newNode(t, "b", open(), c))
	})
}

// exchange has nodes exchange what they know, in turn.
func exchange(t *testing.T, nodes ...*node) {
	t.Helper()
	for range 2 {
		for _, n := range nodes {
			n.Sync(t.Context())
			if n.away != n.store.gone && !n.store.lost {
				t.Fatalf("the store is away for %s:\n%s", n.name, n.logged)
			}
		}
	}
}

// TestNodesAddUp: points on two nodes make one ban, which both know and one tells of, and which ends on both.
func TestNodesAddUp(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *clock, a, b *node) {
		p := policy("User-Name")
		a.rejected(4, p, user("eve"))
		b.rejected(3, p, user("EVE"))
		exchange(t, a, b)
		if a.banned(p, user("eve")) != 0 || b.banned(p, user("eve")) != 0 {
			t.Error("70 points ban")
		}
		c.pass(10 * time.Second)
		b.rejected(1, p, user("eve"))
		if b.banned(p, user("eve")) != 300*time.Second {
			t.Error("the other node's points do not count")
		}
		exchange(t, a, b)
		if a.banned(p, user("eve")) != 300*time.Second {
			t.Error("the other node does not know the ban")
		}
		list, _, err := a.store.List(t.Context(), tenant, c.now(), store.Page{})
		if err != nil || len(list) != 1 || list[0].Key != "User-Name" || list[0].Value != "eve" || list[0].Document != tenant {
			t.Errorf("the list is %+v, %v", list, err)
		}
		c.pass(300 * time.Second)
		if exchange(t, a, b); a.banned(p, user("eve")) != 0 || b.banned(p, user("eve")) != 0 {
			t.Error("the ban does not end")
		}
		a.rejected(7, p, user("eve"))
		if exchange(t, a, b); b.banned(p, user("eve")) != 0 {
			t.Error("points from before the ban count")
		}
		if log := a.logged.String() + b.logged.String(); strings.Count(log, "a ban begins") != 1 || strings.Count(log, "a ban ends") != 1 {
			t.Errorf("the log is\n%s", log)
		}
	})
}

// TestNodesAtOnce: neither of two nodes has enough points by itself, and the store makes a ban of both's.
func TestNodesAtOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, _ *clock, a, b *node) {
		p := policy("User-Name")
		a.rejected(4, p, user("eve"))
		b.rejected(4, p, user("eve"))
		exchange(t, a, b)
		if a.banned(p, user("eve")) == 0 || b.banned(p, user("eve")) == 0 {
			t.Error("80 points do not ban")
		}
		if log := a.logged.String() + b.logged.String(); strings.Count(log, "a ban begins") != 1 {
			t.Errorf("the log is\n%s", log)
		}
	})
}

// TestValuesAreNotStoredBeforeABan: who mistypes has a password in the wrong field at most a few times.
func TestValuesAreNotStoredBeforeABan(t *testing.T) {
	t.Parallel()
	c, s := newClock(), openStore(t)
	n, p := newNode(t, "n", s, c), policy("User-Name")
	n.rejected(7, p, user("secret"))
	n.Sync(t.Context())
	list, _, err := s.Since(t.Context(), 0, 10)
	if err != nil || len(list) != 1 || list[0].Score != 70 || list[0].Key != "" || list[0].Value != "" {
		t.Errorf("stored is %+v, %v", list, err)
	}
	other := newNode(t, "n2", s, c)
	other.key = [32]byte{2}
	if other.idOf(tenant, tenant, "User-Name", "secret") == n.idOf(tenant, tenant, "User-Name", "secret") {
		t.Error("the id does not depend on the key")
	}
}

// TestUnban: a ban that is lifted ends on all nodes, with the points from before; one by hand begins on all.
func TestUnban(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *clock, a, b *node) {
		p := policy("Calling-Station-Id")
		values := aaa.Values{"Calling-Station-Id": "2001:db8::1"}
		a.rejected(8, p, values)
		b.rejected(7, p, values)
		c.pass(time.Second)
		exchange(t, a)
		list, _, err := a.store.List(t.Context(), tenant, c.now(), store.Page{})
		if err != nil || len(list) != 1 || list[0].Value != "2001:db8::/64" {
			t.Fatalf("the list is %+v, %v", list, err)
		}
		change := func(n *node, how func(store.Ban) store.Ban) {
			t.Helper()
			row, err := n.store.Change(t.Context(), list[0].BanKey, func(b store.Ban) (store.Ban, error) { return how(b), nil })
			if err != nil {
				t.Fatal(err)
			}
			n.Know(row)
		}
		change(a, func(row store.Ban) store.Ban { return Lift(row, c.now()) })
		if a.banned(p, values) != 0 {
			t.Error("the node that lifts it knows it for banned")
		}
		if exchange(t, a, b); b.banned(p, values) != 0 {
			t.Error("points from before the ban was lifted count")
		}
		c.pass(time.Second)
		b.rejected(7, p, values)
		if exchange(t, a, b); b.banned(p, values) != 0 {
			t.Error("70 points ban")
		}
		b.rejected(1, p, values)
		if exchange(t, a, b); a.banned(p, values) == 0 {
			t.Error("no ban begins after one was lifted")
		}
		c.pass(time.Second)
		change(b, func(row store.Ban) store.Ban { return ByHand(row, c.now(), c.now().Add(time.Minute), "token", "why") })
		if exchange(t, a, b); a.banned(p, values) != time.Minute || b.banned(p, values) != time.Minute {
			t.Errorf("by hand: %v and %v", a.banned(p, values), b.banned(p, values))
		}
		list, _, err = a.store.List(t.Context(), tenant, c.now(), store.Page{})
		if err != nil || len(list) != 1 || list[0].Author != "token" || list[0].Reason != "why" || list[0].Value != "2001:db8::/64" {
			t.Errorf("the list is %+v, %v", list, err)
		}
		c.pass(time.Minute)
		if exchange(t, a, b); a.banned(p, values) != 0 || b.banned(p, values) != 0 {
			t.Error("a ban by hand does not end")
		}
		for _, n := range []*node{a, b} { // the lifted one began on a, the one by hand on b
			if log := n.logged.String(); strings.Count(log, "a ban ends") != 1 {
				t.Errorf("the log of %s is\n%s", n.name, log)
			}
		}
	})
}

// TestStoreAway: while the store is away a node counts by itself. What it has then is shared, once, even if the store's answer is lost.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *clock, a, b *node) {
		p := policy("User-Name")
		a.store.gone = true
		a.rejected(4, p, user("eve"))
		a.rejected(8, p, user("mallory"))
		exchange(t, a, b)
		a.rejected(1, p, user("eve"))
		exchange(t, a)
		if a.banned(p, user("mallory")) == 0 || b.banned(p, user("mallory")) != 0 {
			t.Error("a node without the store does not ban, or another one knows of it")
		}
		a.store.gone, a.store.lost = false, true
		exchange(t, a)
		a.store.lost = false
		if exchange(t, a, b); b.banned(p, user("mallory")) == 0 {
			t.Error("the other node does not know the ban when the store is back")
		}
		b.rejected(2, p, user("eve"))
		if exchange(t, a, b); a.banned(p, user("eve")) != 0 || b.banned(p, user("eve")) != 0 {
			t.Error("70 points ban: some counted twice")
		}
		b.rejected(1, p, user("eve"))
		if exchange(t, a, b); a.banned(p, user("eve")) == 0 {
			t.Error("80 points do not ban")
		}
		if log := a.logged.String(); strings.Count(log, "not shared") != 1 || strings.Count(log, "shared with other nodes again") != 1 {
			t.Errorf("the log is\n%s", log)
		}
	})
}

// TestNodeBegins: a node that begins knows what is in the store, and one whose database is put back goes on reading.
func TestNodeBegins(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, _ *clock, a, b *node) {
		p := policy("User-Name")
		a.rejected(8, p, user("eve"))
		a.rejected(7, p, user("adam"))
		exchange(t, a)
		b.cursor = 1000
		exchange(t, b)
		if b.banned(p, user("eve")) == 0 {
			t.Error("a new node does not know the ban")
		}
		b.rejected(1, p, user("adam"))
		if b.banned(p, user("adam")) == 0 {
			t.Error("a new node does not know the points")
		}
	})
}

// TestNodeBeginsAgain: what a process counts is not taken for a list of the one before it, which had the same name.
func TestNodeBeginsAgain(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *clock, a, b *node) {
		p := policy("User-Name")
		for _, n := range []*node{a, newNode(t, "a", a.store, c), newNode(t, "a", a.store, c)} {
			n.rejected(3, p, user("eve"))
			exchange(t, n)
		}
		if exchange(t, b); b.banned(p, user("eve")) == 0 {
			t.Error("points of a process with the name of another one are lost")
		}
	})
}

// TestExpired: what is over is deleted, in memory and in the store.
func TestExpired(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *clock, a, b *node) {
		p := policy("User-Name")
		a.rejected(8, p, user("eve"))
		a.rejected(1, p, user("adam"))
		exchange(t, a, b)
		c.pass(300 * time.Second)
		exchange(t, a, b)
		for _, n := range []*node{a, b} {
			if n.subjects.Load() != 0 || n.accounts.Size() != 0 || n.Board.banned.Size() != 0 {
				t.Errorf("%s has %d subjects, %d accounts, %d bans", n.name, n.subjects.Load(), n.accounts.Size(), n.Board.banned.Size())
			}
		}
		if list, _, err := a.store.Since(t.Context(), 0, 10); err != nil || len(list) != 0 {
			t.Errorf("stored is %+v, %v", list, err)
		}
	})
}
