package radius

import (
	"errors"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/limits"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

// A request sends no more packets than it may, over all servers, and a server that was not asked is not blamed.
func TestPacketsOfARequestAreBounded(t *testing.T) {
	t.Parallel()
	e := New(Options{})
	var clients []*client
	var servers []*enginetest.ScriptedRADIUS
	for range 3 {
		s := enginetest.NewScriptedRADIUS(t, testSecret, func(*enginetest.Query) {})
		servers = append(servers, s)
		clients = append(clients, openTest(t, e, scriptedServer(s, 20*time.Millisecond, 3)))
	}
	req := login(avptest.New())
	req.Allowance = &limits.Allowance{}
	req.Allowance.Begin(limits.NewAccount("a"), 6)
	for i, want := range []struct {
		reason   engines.Reason
		attempts int
		state    engines.State
	}{{engines.NoAnswer, 4, engines.Zombie}, {engines.NoAnswer, 2, engines.Zombie}, {engines.HeldBack, 0, engines.Alive}} {
		_, err := clients[i].Exchange(t.Context(), req)
		var f *engines.Failure
		if !errors.As(err, &f) || f.Reason != want.reason || f.Attempts != want.attempts {
			t.Errorf("server %d: %v, want %v after %d packets", i, err, want.reason, want.attempts)
		}
		var held *limits.HeldBack
		if i > 0 && !errors.As(err, &held) {
			t.Errorf("server %d: %v does not name the limit", i, err)
		}
		if got := clients[i].Health().State(); got != want.state {
			t.Errorf("server %d is %v", i, got)
		}
	}
	if n := len(servers[2].Packets()); n != 0 {
		t.Errorf("%d packets to the last server", n)
	}
}

// An address that leaves packets without an answer gets a bounded number of them, from all Clients and probes together, and one
// that answers any number.
func TestPacketsToAnAddressAreBounded(t *testing.T) {
	t.Parallel()
	const rate = 5
	e := New(Options{Destinations: limits.NewDestinations(rate)})
	silent := enginetest.NewScriptedRADIUS(t, testSecret, func(*enginetest.Query) {})
	start := time.Now()
	for range 20 {
		c := openTest(t, e, aaa.Server{
			Address: "127.0.0.1", Port: int(silent.Addr.Port()), Secret: aaa.NewSecret(testSecret), Timeout: 1, Retries: 3,
			HealthCheck: aaa.HealthCheck{Type: "time"},
		})
		_, _ = c.Exchange(t.Context(), login(avptest.New()))
	}
	most := 4*rate + rate*(int(time.Since(start)/time.Second)+1)
	if n := len(silent.Packets()); n > most || n < 4 {
		t.Errorf("%d packets, want %d at most", n, most)
	}

	// Whoever floods an address under other secrets holds back nobody whom its server answers.
	e = New(Options{Destinations: limits.NewDestinations(rate)})
	own := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) {
		if string(find(t, q.Packet, radius.AttrUserName)) == "alice" {
			q.Send(q.Answer(radius.AccessAccept))
		}
	})
	quiet := openTest(t, e, scriptedServer(own, 5*time.Second, 0))
	if _, err := quiet.Exchange(t.Context(), login(avptest.New())); err != nil {
		t.Fatal(err)
	}
	d := avptest.New()
	for range 5 * rate {
		loud := openTest(t, e, aaa.Server{
			Address: "127.0.0.1", Port: int(own.Addr.Port()), Secret: aaa.NewSecret(testSecret), Timeout: 1, Retries: 3,
			HealthCheck: aaa.HealthCheck{Type: "time"},
		})
		_, _ = loud.Exchange(t.Context(), &engines.Request{Dict: d, AVPs: []aaa.AVP{d.AVP("User-Name", "mallory")}})
	}
	for i := range 10 * rate {
		if _, err := quiet.Exchange(t.Context(), login(d)); err != nil {
			t.Fatalf("request %d beside a flood: %v", i, err)
		}
	}

	e = New(Options{Destinations: limits.NewDestinations(rate)})
	s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) { q.Send(q.Answer(radius.AccessAccept)) })
	c := openTest(t, e, scriptedServer(s, 5*time.Second, 0))
	for i := range 50 * rate {
		if _, err := c.Exchange(t.Context(), login(avptest.New())); err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
	}
}
