package tacquitotest

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"aaa-api/internal/engines/tacacs"
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
	m := manager(t, s, tacacs.Options{})
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
	all(100, "bob")
	for s := m.Stats(); s.Paused < s.Connections; s = m.Stats() { // that they were quick counts until a pause
		runtime.Gosched()
	}
	all(logins, "slow")
	all(100, "bob")
}
