package clients

import (
	"context"
	"fmt"
	"net/netip"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/ingress"
	"aaa-api/internal/store"
)

func TestChanged(t *testing.T) {
	f := newFixture(t)
	f.put("shop/a", `{"address":"10.0.0.0/8"}`)
	f.put("shop/b", `{"address":"10.1.0.0/16"}`)
	f.sync()
	f.by(radius, "10.1.0.1", "b")
	f.put("shop/b", `{"address":"10.2.0.0/16","certificate":{"san":"b.example"}}`)
	f.sync()
	f.by(radius, "10.1.0.1", "a")
	f.by(radius, "10.2.0.1", "b")
	peer := &ingress.Peer{From: netip.MustParseAddr("10.2.0.1"), SANs: []string{"b.example"}}
	if c := f.registry.ByPeer(radius, peer); c == nil || c.Revision != 2 || c.Account != f.ids["shop"] {
		t.Errorf("the certificate finds %v", c)
	}
	f.put("shop/b", `{"address":"10.2.0.0/16","enabled":false,"certificate":{"san":"b.example"}}`)
	f.sync()
	f.by(radius, "10.2.0.1", "a")
	if f.registry.ByPeer(radius, peer) != nil || !f.client("shop/b").Document.Disabled {
		t.Error("a disabled client is found")
	}
	f.remove("shop/a")
	f.remove("shop/b")
	f.sync()
	f.by(radius, "10.2.0.1")
	if c := f.registry.Find(f.ids["shop"], "b"); c != nil || len(f.registry.held) != 0 {
		t.Errorf("%v is left", c)
	}
}

// TestChangesAreReadOnce has many changes of one client in a list, and changes of others that are none of the registry's.
func TestChangesAreReadOnce(t *testing.T) {
	f := newFixture(t)
	for range 5 {
		f.put("shop/a", `{"address":"10.0.0.0/8"}`)
	}
	f.account("new", "shop", "")
	asked := f.faulty.asked.Load()
	f.sync()
	if n := f.faulty.asked.Load() - asked; n != 1 || f.client("shop/a").Revision != 5 {
		t.Errorf("%d questions, %+v", n, f.client("shop/a").Revision)
	}
}

func TestDeletedAccount(t *testing.T) {
	f := newFixture(t)
	f.put("shop/a", `{"address":"10.0.0.0/8"}`)
	f.put("shop/b", `{"certificate":{"san":"b.example"}}`)
	f.put("provider/c", `{"address":"0.0.0.0/0"}`)
	f.sync()
	f.must(f.store.Accounts().Delete(f.ctx, f.ids["shop"], store.AnyRevision))
	f.sync()
	f.by(radius, "10.0.0.1", "c")
	if len(f.registry.held[f.ids["shop"]]) != 0 || f.registry.ByPeer(radius, &ingress.Peer{SANs: []string{"b.example"}}) != nil {
		t.Error("clients of a deleted account are left")
	}
	// A change that leaves the account there leaves its clients.
	f.registry.Changed(f.ctx, []store.Change{{Kind: store.ChangedAccount, Account: f.ids["provider"]}}, false)
	f.by(radius, "10.0.0.1", "c")
}

// TestRecreatedAccount has an account deleted and made again under its id before the registry reads either change.
func TestRecreatedAccount(t *testing.T) {
	f := newFixture(t)
	f.put("shop/a", `{"address":"10.0.0.0/8"}`)
	f.put("shop/b", `{"address":"11.0.0.0/8","secret":"one"}`)
	f.sync()
	if _, err := f.registry.Secret(f.ctx, f.client("shop/b")); err != nil {
		t.Fatal(err)
	}
	f.registry.Seen(f.client("shop/b"), false)
	f.must(f.store.Accounts().Delete(f.ctx, f.ids["shop"], store.AnyRevision))
	f.account("shop", "provider", "")
	f.put("shop/b", `{"address":"11.0.0.0/8","secret":"two"}`)
	f.sync()
	f.by(radius, "10.0.0.1")
	s, err := f.registry.Secret(f.ctx, f.client("shop/b"))
	if err == nil && s.Current.Reveal() != "two" {
		t.Error("the secret is the one of the account before")
	}
	f.must(err)
	if n := f.client("shop/b").status().Requests; n != 0 {
		t.Errorf("a new client has %d requests", n)
	}
}

// TestReset puts everything in force anew. What has not changed keeps its secrets and counters.
func TestReset(t *testing.T) {
	f := newFixture(t)
	f.put("shop/a", `{"address":"10.0.0.0/8","secret":"s"}`)
	f.put("shop/b", `{"address":"10.1.0.0/16"}`)
	f.put("shop/c", `{"address":"10.2.0.0/16"}`)
	f.sync()
	a, c := f.client("shop/a"), f.client("shop/c")
	f.registry.Seen(c, true)
	f.put("shop/c", `{"address":"10.3.0.0/16"}`)
	f.remove("shop/b")
	f.put("provider/d", `{"address":"10.4.0.0/16"}`)
	f.reset()
	f.by(radius, "10.1.0.1", "a")
	f.by(radius, "10.3.0.1", "c")
	f.by(radius, "10.4.0.1", "d")
	if f.client("shop/a") != a {
		t.Error("a client that has not changed is another one")
	}
	if next := f.client("shop/c"); next == c || next.status() == (Status{}) || next.status().Previous != 1 {
		t.Errorf("a client that has changed is %+v", next.status())
	}
}

// TestStoreAway has the store fail when a change is read: what is in memory stays, and is replaced when the store is back.
func TestStoreAway(t *testing.T) {
	for name, apply := range map[string]func(f *fixture){
		"a client":            (*fixture).sync,
		"all clients":         (*fixture).reset,
		"after the first one": (*fixture).reset,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.put("shop/a", `{"address":"10.0.0.0/8"}`)
			f.put("shop/b", `{"address":"11.0.0.0/8"}`)
			f.sync()
			f.put("shop/a", `{"address":"12.0.0.0/8"}`)
			away := store.ErrUnavailable
			f.faulty.err.Store(&away)
			done := make(chan struct{})
			go func() { defer close(done); apply(f) }()
			<-f.faulty.fails
			<-f.faulty.fails // it goes on trying
			f.by(radius, "10.0.0.1", "a")
			f.by(radius, "11.0.0.1", "b")
			f.faulty.err.Store(nil)
			<-done
			f.by(radius, "10.0.0.1")
			f.by(radius, "12.0.0.1", "a")
			f.by(radius, "11.0.0.1", "b")
		})
	}
}

// TestStoreAwayAtTheEnd has the process end while the store is away.
func TestStoreAwayAtTheEnd(t *testing.T) {
	f := newFixture(t)
	f.put("shop/a", `{"address":"10.0.0.0/8"}`)
	f.sync()
	f.put("shop/a", `{"address":"12.0.0.0/8"}`)
	away := store.ErrUnavailable
	f.faulty.err.Store(&away)
	changes := f.changes()
	for _, reset := range []bool{false, true} {
		ctx, cancel := context.WithCancel(f.ctx)
		done := make(chan struct{})
		go func() { defer close(done); f.registry.Changed(ctx, changes, reset) }()
		<-f.faulty.fails
		cancel()
		<-done
		f.by(radius, "10.0.0.1", "a")
	}
	if err := f.registry.Load(f.ctx); err == nil {
		t.Error("Load tells nothing of a store that is away")
	}
	f.by(radius, "10.0.0.1", "a")
}

// TestDamaged has a document that can't be read: its client is gone, others are not, and the log has no piece of it.
func TestDamaged(t *testing.T) {
	f := newFixture(t)
	f.put("shop/a", `{"address":"10.0.0.0/8"}`)
	f.put("shop/b", `{"address":"11.0.0.0/8"}`)
	f.sync()
	f.put("shop/a", `{"address":"10.0.0.0/8","reply_within":"secret text"}`)
	f.sync()
	f.by(radius, "10.0.0.1")
	f.put("shop/c", `{"address":"secret text"}`)
	f.registry = f.new()
	f.reset()
	f.by(radius, "11.0.0.1", "b")
	if f.log.count("secret text") > 0 || f.log.count("can't be read") != 3 {
		t.Errorf("the log:\n%s", f.log.b.String())
	}
}

func TestList(t *testing.T) {
	f := newFixture(t)
	want := map[Start]bool{}
	for n, at := range []string{"shop/a", "shop/b", "bar/x", "bar/y", "bar/z", "provider/p"} {
		f.put(at, fmt.Sprintf(`{"address":"10.%d.0.0/16","enabled":false}`, n))
	}
	f.sync()
	var last, start Start
	for pages := 1; ; pages++ {
		list, next := f.registry.List(2, start)
		for _, s := range list {
			key := Start{s.Account, s.Name}
			if want[key] || last.Account > key.Account || last.Account == key.Account && last.Name >= key.Name || !s.Disabled {
				t.Errorf("%+v after %+v", s, last)
			}
			want[key], last = true, key
		}
		if start = next; start == (Start{}) {
			if pages != 3 || len(want) != 6 {
				t.Errorf("%d clients in %d pages", len(want), pages)
			}
			return
		}
	}
}

// TestReadersDuringChanges has packets look for clients while these are replaced: one with an address that stays is always found.
func TestReadersDuringChanges(t *testing.T) {
	f := newFixture(t)
	f.put("shop/a", `{"address":"10.0.0.0/8","certificate":{"san":"a.example"}}`)
	f.sync()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		from := netip.MustParseAddr("10.0.0.1")
		peer := &ingress.Peer{From: from, SANs: []string{"a.example"}}
		for {
			if len(f.registry.ByAddress(aaa.ClientRADIUS, from)) != 1 || f.registry.ByPeer(radius, peer) == nil {
				t.Error("the client is missing")
				return
			}
			f.registry.List(10, Start{})
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	for range 30 {
		f.put("shop/a", `{"address":"10.0.0.0/8","certificate":{"san":"a.example"}}`)
		f.put("shop/b", `{"address":"11.0.0.0/8"}`)
		f.sync()
		f.remove("shop/b")
		f.sync()
	}
	f.reset()
	close(stop)
	<-done
}
