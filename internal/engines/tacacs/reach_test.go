package tacacs

import (
	"net/netip"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/egress"
	"aaa-api/internal/engines"
	"aaa-api/internal/tacacs"
)

// TestReachOfOpenConnections: nothing goes out on a connection that was made before its network was taken back, neither a new
// request nor the next round of a login.
func TestReachOfOpenConnections(t *testing.T) {
	t.Parallel()
	server := script(t, func(b tacacs.Body) tacacs.Body {
		if _, ok := b.(*tacacs.AuthorRequest); ok {
			return &tacacs.AuthorReply{Status: tacacs.AuthorPassAdd}
		}
		return &tacacs.AuthenReply{Status: tacacs.AuthenGetPass, ServerMsg: "Password: "}
	})
	reach := (&egress.Rules{}).Account()
	open := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	reach.Grant(open)
	opened, err := New(EngineOptions{}).Open(engines.Config{Account: "a", Server: entry(server.peer), Reach: reach})
	if err != nil {
		t.Fatal(err)
	}
	c := opened.(*client)
	t.Cleanup(c.Retire)
	authz := request(t, aaa.Authz, "user=bob", "service=shell")
	if _, err := c.Exchange(t.Context(), authz); err != nil {
		t.Fatal(err)
	}
	state := begin(t, c)
	received := func() int {
		server.mu.Lock()
		defer server.mu.Unlock()
		return len(server.got)
	}
	before := received()
	reach.Grant(nil)
	_, err = resume(t, c, state, "user=bob", "password=looking-glass")
	fails(t, "the next round", err, engines.NotAllowed, egress.ErrNotAllowed)
	for range 2 {
		_, err = c.Exchange(t.Context(), authz)
		fails(t, "a new request", err, engines.NotAllowed, egress.ErrNotAllowed)
	}
	reach.Grant(open)
	if _, err := c.Exchange(t.Context(), authz); err != nil {
		t.Error(err)
	}
	if n := received() - before; n != 1 {
		t.Errorf("%d packets arrived, want that of the last request", n)
	}
}
