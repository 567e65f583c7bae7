package radius

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

// balanced is a server behind a balancer that gives each source port, as it comes, to the next of two machines, of which
// the first is silent. It returns the ports of the silent one.
func balanced(t *testing.T, code radius.Code) (s *enginetest.ScriptedRADIUS, silent func() map[uint16]int) {
	t.Helper()
	var mu sync.Mutex
	var order []uint16
	asked := map[uint16]int{}
	s = enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) {
		mu.Lock()
		defer mu.Unlock()
		port := q.From.Port()
		if asked[port]++; asked[port] == 1 {
			order = append(order, port)
		}
		for i, p := range order {
			if p == port && i%2 == 1 {
				q.Send(q.Answer(code))
			}
		}
	})
	return s, func() map[uint16]int {
		mu.Lock()
		defer mu.Unlock()
		ports := map[uint16]int{}
		for i := 0; i < len(order); i += 2 {
			ports[order[i]] = asked[order[i]]
		}
		return ports
	}
}

// After one silent request the next goes out from another port, and those that follow stay with the port that is answered.
// The silent request keeps its port: by it a server knows a repetition, and makes no login twice.
func TestAnotherPortAfterSilence(t *testing.T) {
	t.Parallel()
	s, silent := balanced(t, radius.AccessAccept)
	c := openTest(t, New(Options{}), scriptedServer(s, 200*time.Millisecond, 2))
	if _, err := c.Exchange(t.Context(), login(avptest.New())); err == nil {
		t.Fatal("a silent machine answered")
	}
	for i := range 32 {
		if _, err := c.Exchange(t.Context(), login(avptest.New())); err != nil {
			t.Errorf("login %d: %v", i, err)
		}
	}
	ports := silent()
	if len(ports) != 1 {
		t.Errorf("%d ports of the silent machine", len(ports))
	}
	for _, n := range ports {
		if n != 3 {
			t.Errorf("%d packets from the first port, want 3", n)
		}
	}
	if all, heard := lanes(t, c); all != 2 || heard != 1 {
		t.Errorf("%d lanes, %d of them not silent", all, heard)
	}
}

// While a request still waits at a silent port, others go out from another one.
func TestAnotherPortBesideSilence(t *testing.T) {
	t.Parallel()
	s, _ := balanced(t, radius.AccessAccept)
	c := openTest(t, New(Options{}), scriptedServer(s, time.Second, 8))
	ctx, leave := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = c.Exchange(ctx, login(avptest.New())) })
	s.Wait(t, 2) // a time without an answer is over
	if r, err := c.Exchange(t.Context(), login(avptest.New())); err != nil || r.Attempts != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	leave()
	wg.Wait()
}

// A record that has become older is a new request, and goes out from another port at once.
func TestRecordFromAnotherPort(t *testing.T) {
	t.Parallel()
	s, silent := balanced(t, radius.AccountingResponse)
	c := openTest(t, New(Options{}), scriptedServer(s, 1150*time.Millisecond, 3))
	r, err := c.Exchange(t.Context(), &engines.Request{Op: aaa.Accounting, Dict: avptest.New()})
	if err != nil || r.Attempts != 2 || len(silent()) != 1 {
		t.Errorf("%+v, %v, silent ports %v", r, err, silent())
	}
}

// A port at which others are answered is not left because one request is ignored.
func TestIgnoredRequest(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	ports := map[uint16]bool{}
	var mu sync.Mutex
	s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) {
		mu.Lock()
		ports[q.From.Port()] = true
		mu.Unlock()
		if string(find(t, q.Packet, radius.AttrUserName)) != "ignored" {
			q.Send(q.Answer(radius.AccessAccept))
		}
	})
	c := openTest(t, New(Options{}), scriptedServer(s, 400*time.Millisecond, 0))
	done := make(chan error)
	go func() {
		_, err := c.Exchange(t.Context(), &engines.Request{Dict: d, AVPs: []aaa.AVP{d.AVP("User-Name", "ignored")}})
		done <- err
	}()
	s.Wait(t, 1)
	for range 3 {
		if _, err := c.Exchange(t.Context(), login(d)); err != nil {
			t.Fatal(err)
		}
	}
	err := <-done
	var f *engines.Failure
	if !errors.As(err, &f) || f.Reason != engines.NoAnswer {
		t.Errorf("%#v", err)
	}
	if _, err := c.Exchange(t.Context(), login(d)); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(ports) != 1 {
		t.Errorf("%d ports", len(ports))
	}
}

// However long a server is silent, it takes few sockets, and is asked from them in turn.
func TestSilenceOpensFewSockets(t *testing.T) {
	t.Parallel()
	e := New(Options{})
	e.sockets.open = newVoid
	c := openTest(t, e, aaa.Server{Address: "192.0.2.1", Port: 1812, Secret: aaa.NewSecret("s"), Timeout: 20, Retries: 0, HealthCheck: aaa.HealthCheck{Type: "time"}})
	p := &pending{}
	var order []*socket
	for range 3 * portsAfterSilence {
		h, _, err := c.take(t.Context(), p, netip.MustParseAddrPort("192.0.2.1:1812"), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		h.quiet()
		order = append(order, h.lane.socket)
	}
	if n := e.Descriptors(); n != portsAfterSilence {
		t.Errorf("%d sockets", n)
	}
	for i := range 2 * portsAfterSilence {
		if order[i] != order[i+portsAfterSilence] {
			t.Fatalf("socket %d is asked from out of turn", i)
		}
	}
	c.release(p)
}

// A caller who leaves before the timeout is over, but after a time in which servers answer, leaves a port that the next
// request avoids: else callers less patient than the timeout would never see another one.
func TestAnotherPortAfterTheCallerLeft(t *testing.T) {
	t.Parallel()
	s, silent := balanced(t, radius.AccessAccept)
	c := openTest(t, New(Options{}), scriptedServer(s, time.Hour, 0))
	ctx, cancel := context.WithTimeout(t.Context(), engines.Patience(c.timeout)+100*time.Millisecond)
	defer cancel()
	if _, err := c.Exchange(ctx, login(avptest.New())); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	within, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := c.Exchange(within, login(avptest.New())); err != nil || len(silent()) != 1 {
		t.Errorf("%v, silent ports %v", err, silent())
	}
}

// A port whose silence was short, since what was sent again is answered, is used on.
func TestAnsweredPortIsKept(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	ports := map[uint16]bool{}
	s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) {
		mu.Lock()
		defer mu.Unlock()
		ports[q.From.Port()] = true
		if q.Count > 1 {
			q.Send(q.Answer(radius.AccessAccept))
		}
	})
	c := openTest(t, New(Options{}), scriptedServer(s, 300*time.Millisecond, 20))
	for range 3 {
		if _, err := c.Exchange(t.Context(), login(avptest.New())); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(ports) != 1 {
		t.Errorf("%d ports", len(ports))
	}
}
