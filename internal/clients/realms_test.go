package clients

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// routed is a client of the provider with realm_routing.
func routed(t *testing.T) (*fixture, func(user, want string)) {
	f := newFixture(t)
	f.put("provider/a", `{"address":"10.0.0.0/8","realm_routing":true}`)
	f.put("provider/b", `{"address":"10.0.0.0/8"}`)
	f.sync()
	return f, func(user, want string) {
		t.Helper()
		got, err := f.registry.AccountOf(f.ctx, f.client("provider/a"), user)
		if err != nil || got != f.ids[want] {
			t.Errorf("%s is of %s (%v), want %s", user, got, err, want)
		}
	}
}

func TestAccountOf(t *testing.T) {
	f, of := routed(t)
	for user, want := range map[string]string{
		"u@shop.example": "shop", "u@SHOP.Example": "shop", `shop.example\u`: "shop", "a@b@shop.example": "shop",
		"u@deep.example":  "deep",                                       // at any depth
		"u@other.example": "provider", "u@shop.example.org": "provider", // not below it; of nobody
		"u": "provider", "u@": "provider", "": "provider", `\u`: "provider",
		"u@shop_example": "provider", "u@%": "provider", "u@'": "provider", "u@shöp.example": "provider",
	} {
		of(user, want)
	}
	if got, err := f.registry.AccountOf(f.ctx, f.client("provider/b"), "u@shop.example"); err != nil || got != f.ids["provider"] {
		t.Errorf("without realm_routing: %s, %v", got, err)
	}
	asked := f.faulty.asked.Load()
	of("u@shop.example", "shop")
	of("u@shop.example.org", "provider")
	of("u@shop_example", "provider")
	if n := f.faulty.asked.Load() - asked; n != 0 {
		t.Errorf("%d questions for what is known", n)
	}
	c := f.client("provider/a")
	if n := testing.AllocsPerRun(100, func() { _, _ = f.registry.AccountOf(f.ctx, c, "u@shop.example") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAccountOfAfterChanges(t *testing.T) {
	f, of := routed(t)
	of("u@shop.example", "shop")
	of("u@new.example", "provider")
	f.account("new", "bar", "new.example")
	f.sync()
	of("u@new.example", "new")
	_, err := f.store.Accounts().Move(f.ctx, f.ids["new"], f.ids["other"])
	f.must(err)
	f.sync()
	of("u@new.example", "provider")
	f.must(f.store.Accounts().Delete(f.ctx, f.ids["shop"], store.AnyRevision))
	f.reset()
	of("u@shop.example", "provider")
	// The nearest of two has it.
	f.account("near", "provider", "")
	f.account("far", "near", "twice.example")
	f.sync()
	of("u@twice.example", "far")
}

func TestAccountOfWhileTheStoreIsAway(t *testing.T) {
	f, of := routed(t)
	of("u@shop.example", "shop")
	of("u@none.example", "provider")
	away := store.ErrUnavailable
	f.faulty.err.Store(&away)
	of("u@shop.example", "shop")
	of("u@none.example", "provider")
	if got, err := f.registry.AccountOf(f.ctx, f.client("provider/a"), "u@deep.example"); !errors.Is(err, store.ErrUnavailable) || got != "" {
		t.Errorf("got %q, %v", got, err) // not the client's account: the request is of another one
	}
	f.faulty.err.Store(nil)
	of("u@deep.example", "deep")
}

// TestAccountOfDuringAChange has accounts change while a realm is looked up: the answer is not kept.
func TestAccountOfDuringAChange(t *testing.T) {
	f, of := routed(t)
	generation := f.registry.realms.generation.Load()
	f.registry.realms.forget()
	f.registry.realms.keep(realm{f.ids["provider"], "shop.example"}, f.ids["other"], generation)
	f.registry.realms.keep(realm{f.ids["provider"], "deep.example"}, "", generation)
	of("u@shop.example", "shop")
	of("u@deep.example", "deep")
}

// TestMadeUpRealms has users name many realms: what is kept is bounded, and those that accounts have stay.
func TestMadeUpRealms(t *testing.T) {
	f, of := routed(t)
	of("u@shop.example", "shop")
	for n := range maxNoRealm + 10 {
		f.registry.realms.keep(realm{f.ids["provider"], fmt.Sprint(n)}, "", f.registry.realms.generation.Load())
	}
	if n := f.registry.realms.none.Size(); n > maxNoRealm {
		t.Errorf("%d are kept", n)
	}
	asked := f.faulty.asked.Load()
	of("u@shop.example", "shop")
	if f.faulty.asked.Load() != asked {
		t.Error("made up realms push out those of accounts")
	}
}

// TestQuestionsAreFew has all places taken: another question waits for its turn, or for its end.
func TestQuestionsAreFew(t *testing.T) {
	f, of := routed(t)
	of("u@shop.example", "shop")
	places, _ := f.registry.realms.asking.Load(f.ids["provider"])
	for range maxAsking {
		places <- struct{}{}
	}
	of("u@shop.example", "shop")
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	if _, err := f.registry.AccountOf(ctx, f.client("provider/a"), "u@deep.example"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	done := make(chan aaa.AccountID)
	go func() {
		id, _ := f.registry.AccountOf(f.ctx, f.client("provider/a"), "u@deep.example")
		done <- id
	}()
	<-places
	if id := <-done; id != f.ids["deep"] {
		t.Errorf("got %s", id)
	}
}
