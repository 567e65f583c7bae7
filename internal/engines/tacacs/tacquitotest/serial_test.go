package tacquitotest

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	engine "aaa-api/internal/engines/tacacs"
	"aaa-api/internal/engines/tacacs/conns"
	"aaa-api/internal/tacacs"
)

// TestSlowLoginsAtOnce: tacquito grants single connection mode and serves a connection's sessions one after the
// other. Here it answers no slow login before it has all of them, which takes a connection for each, as without the mode.
func TestSlowLoginsAtOnce(t *testing.T) {
	t.Parallel()
	const logins = 24
	var arrived sync.WaitGroup
	arrived.Add(logins)
	s := startWith(t, Options{Secret: sharedSecret, Quick: true, Users: map[string]string{"bob": password, "slow": password}, Hold: func(user string) {
		if user == "slow" {
			arrived.Done()
			arrived.Wait()
		}
	}})
	m := manager(t, s, conns.Options{})
	login := func(user string) {
		var r tacacs.AuthenReply
		if err := m.Exchange(context.Background(), pap(user, password), &r); err != nil || r.Status != tacacs.AuthenPass {
			t.Errorf("%s: %v, %v", user, r.Status, err)
		}
	}
	all := func(n int, user string) {
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() { login(user) })
		}
		wg.Wait()
	}
	all(100, "bob") // connections are open and were quick
	all(logins, "slow")
	all(100, "bob")
}

// TestIdleClose: tacquito closes a connection on which nothing came for 15 s, also one whose user types.
func TestIdleClose(t *testing.T) {
	t.Parallel()
	if os.Getenv("SOAK") == "" {
		t.Skip("takes 15 s; part of make soak")
	}
	s := startWith(t, Options{Secret: sharedSecret, Users: map[string]string{"bob": password}})
	lost := make(chan engines.Lost, 1)
	c := clientWith(t, s, engine.EngineOptions{Lost: func(l engines.Lost) { lost <- l }})
	r := ask(t, c, aaa.Authn, nil, "user=bob", "port=tty1")
	outcome(t, "the login", r, aaa.Challenge)
	select {
	case l := <-lost:
		if !bytes.Equal(l.State, r.State) || !strings.Contains(l.Why, "the server closed the connection") {
			t.Errorf("%+v", l)
		}
	case <-time.After(time.Minute):
		t.Error("the loss was not told of")
	}
}
