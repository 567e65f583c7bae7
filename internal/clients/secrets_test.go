package clients

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"aaa-api/internal/aaa"
)

func TestSecret(t *testing.T) {
	f := newFixture(t)
	f.put("shop/a", `{"address":"10.0.0.0/8","secret":"now","previous_secret":"before","coa":{"secret":"coa"}}`)
	f.put("shop/b", `{"address":"10.0.0.0/8","secret":"now"}`)
	f.put("shop/c", `{"certificate":{"san":"c.example"}}`)
	f.sync()
	for at, want := range map[string][3]string{"shop/a": {"now", "before", "coa"}, "shop/b": {"now", "", "now"}, "shop/c": {}} {
		s, err := f.registry.Secret(f.ctx, f.client(at))
		f.must(err)
		if got := [3]string{s.Current.Reveal(), s.Previous.Reveal(), s.CoA.Reveal()}; got != want {
			t.Errorf("%s has %q, want %q", at, got, want)
		}
	}
}

// TestSecretIsOpenedOnce has many packets ask at once.
func TestSecretIsOpenedOnce(t *testing.T) {
	f := newFixture(t)
	f.put("shop/a", `{"address":"10.0.0.0/8","secret":"now"}`)
	f.sync()
	c := f.client("shop/a")
	f.opener.gate = make(chan struct{})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if s, err := f.registry.Secret(f.ctx, c); err != nil || s.Current.Reveal() != "now" {
				t.Errorf("got %v", err)
			}
		})
	}
	f.opener.gate <- struct{}{}
	wg.Wait()
	if n := f.opener.opened.Load(); n != 1 {
		t.Errorf("opened %d times", n)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = f.registry.Secret(f.ctx, c) }); n != 0 {
		t.Errorf("%v allocations for a secret that is open", n)
	}
	// What takes the client's place opens its own.
	close(f.opener.gate)
	f.put("shop/a", `{"address":"10.0.0.0/8","secret":"next"}`)
	f.sync()
	s, err := f.registry.Secret(f.ctx, f.client("shop/a"))
	f.must(err)
	if s.Current.Reveal() != "next" || f.opener.opened.Load() != 2 {
		t.Error("the secret of the document before is in use")
	}
}

// TestSecretFails has a failure tried again, and few lines in the log.
func TestSecretFails(t *testing.T) {
	f := newFixture(t)
	f.put("shop/a", `{"address":"10.0.0.0/8","secret":"now"}`)
	f.put("shop/b", `{"address":"10.0.0.0/8","secret":"damaged"}`)
	f.sync()
	a := f.client("shop/a")
	f.opener.err = errors.New("away")
	for range 100 {
		if _, err := f.registry.Secret(f.ctx, a); !errors.Is(err, f.opener.err) {
			t.Fatalf("got %v", err)
		}
	}
	if n := f.log.count("can't be opened"); n < 1 || n > 15 {
		t.Errorf("%d lines in the log", n)
	}
	f.opener.err = nil
	if s, err := f.registry.Secret(f.ctx, a); err != nil || s.Current.Reveal() != "now" {
		t.Errorf("afterwards: %v", err)
	}
	if _, err := f.registry.Secret(f.ctx, f.client("shop/b")); aaa.KindOf(err) != aaa.KindUnavailable {
		t.Errorf("a damaged secret gives %v", err)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	f := newFixture(t)
	f.put("shop/a", `{"address":"10.0.0.0/8","secret":"hushhush","previous_secret":"hushhush","coa":{"secret":"hushhush"}}`)
	f.sync()
	c := f.client("shop/a")
	sealed := c.sealed.Load().Current.Reveal()
	var all strings.Builder
	for _, open := range []bool{false, true} {
		var s Secrets
		if open {
			var err error
			s, err = f.registry.Secret(f.ctx, c)
			f.must(err)
		}
		for _, v := range []any{s, &s, c, []*Client{c}, struct{ c *Client }{c}, c.Document, c.status()} {
			fmt.Fprintf(&all, "%v %+v %#v %s %q\n", v, v, v, v, v)
			text, err := json.Marshal(v)
			f.must(err)
			all.Write(text)
		}
	}
	if strings.Contains(all.String(), "hush") || strings.Contains(all.String(), sealed) {
		t.Error(all.String())
	}
	if got := fmt.Sprint(c); got != "client a of "+string(f.ids["shop"]) {
		t.Errorf("a client prints as %s", got)
	}
}
