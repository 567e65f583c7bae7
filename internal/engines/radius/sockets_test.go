package radius

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

// acceptByName accepts a request with its user's name as the message.
func acceptByName(t *testing.T, q *enginetest.Query) {
	user := find(t, q.Packet, radius.AttrUserName)
	q.Send(q.Answer(radius.AccessAccept, append([]byte{radius.AttrReplyMessage, byte(2 + len(user))}, user...)...))
}

// checkOwnAnswer asks as a user at a server that answers with acceptByName: the answer must be for that user.
func checkOwnAnswer(t *testing.T, c *client, d *avptest.Dictionary, user string) {
	t.Helper()
	r, err := c.Exchange(t.Context(), &engines.Request{Dict: d, AVPs: []aaa.AVP{d.AVP("User-Name", user)}})
	if err != nil {
		t.Error(err)
	} else if got := string(r.AVPs[0].Value); got != user {
		t.Errorf("%s got the answer for %s", user, got)
	}
}

// More requests than one socket has identifiers, answered in reverse order: each
// gets its own answer.
func TestManyInFlight(t *testing.T) {
	t.Parallel()
	const n = 600
	var held []*enginetest.Query
	s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) {
		if held = append(held, q); len(held) < n {
			return
		}
		for i := len(held) - 1; i >= 0; i-- {
			acceptByName(t, held[i])
		}
		held = nil
	})
	c := openTest(t, New(Options{}), scriptedServer(s, 20*time.Second, 0))
	d := avptest.New()
	for range 2 { // the second round reuses the sockets
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				checkOwnAnswer(t, c, d, string([]byte{'u', byte('a' + i/26/26%26), byte('a' + i/26%26), byte('a' + i%26)}))
			})
		}
		wg.Wait()
		if n, _ := lanes(t, c); n != 3 {
			t.Errorf("%d lanes", n)
		}
	}
}

// Past MaxInFlight requests wait for an identifier instead of failing.
func TestRequestsInFlightAreBounded(t *testing.T) {
	t.Parallel()
	s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) { q.Send(q.Answer(radius.AccessAccept)) })
	c := openTest(t, New(Options{MaxInFlight: identifiers}), scriptedServer(s, 20*time.Second, 3))
	var wg sync.WaitGroup
	for range 700 {
		wg.Go(func() {
			if _, err := c.Exchange(t.Context(), login(avptest.New())); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n, _ := lanes(t, c); n != 1 {
		t.Errorf("%d lanes", n)
	}
}

// An identifier comes again only after all others of its socket.
func TestIdentifiersAreReusedLate(t *testing.T) {
	t.Parallel()
	s, c := scripted(t, 5*time.Second, 0, func(q *enginetest.Query) { q.Send(q.Answer(radius.AccessAccept)) })
	d := avptest.New()
	for range 2 * identifiers {
		if _, err := c.Exchange(t.Context(), login(d)); err != nil {
			t.Fatal(err)
		}
	}
	last := map[byte]int{}
	for i, p := range s.Packets() {
		if at, ok := last[p[1]]; ok && i-at != identifiers {
			t.Fatalf("identifier %d came again after %d requests", p[1], i-at)
		}
		last[p[1]] = i
	}
}

// What nobody uses any more is dropped, and made again when needed. One socket stays.
func TestIdleSocketsClose(t *testing.T) {
	t.Parallel()
	s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) { q.Send(q.Answer(radius.AccessAccept)) })
	e := New(Options{IdleTimeout: 30 * time.Millisecond})
	c := openTest(t, e, scriptedServer(s, 5*time.Second, 0))
	for range 2 {
		if _, err := c.Exchange(t.Context(), login(avptest.New())); err != nil {
			t.Fatal(err)
		}
		held := &pending{}
		for range 3 {
			h, _, err := c.take(t.Context(), held, s.Addr, time.Second)
			if err != nil {
				t.Fatal(err)
			}
			h.quiet()
		}
		if e.Descriptors() < 3 {
			t.Errorf("%d sockets", e.Descriptors())
		}
		c.release(held)
		eventually(t, "one socket and no server", func() bool { return e.Descriptors() == 1 && e.remotes.Size() == 0 })
	}
}

// A thousand servers are asked from a few sockets at once, and each request gets its own answer.
func TestServersShareSockets(t *testing.T) {
	t.Parallel()
	const n = 1000
	e, d, port := New(Options{}), avptest.New(), everywhere(t)
	var wg sync.WaitGroup
	for i := range n {
		c := openTest(t, e, aaa.Server{
			Address: fmt.Sprintf("127.1.%d.%d", i>>8, i&0xff), Port: port, Secret: aaa.NewSecret(testSecret), Timeout: 20000,
		})
		wg.Go(func() { checkOwnAnswer(t, c, d, fmt.Sprint("user", i)) })
	}
	wg.Wait()
	if got := e.Descriptors(); got > runtime.GOMAXPROCS(0) {
		t.Errorf("%d sockets for %d servers", got, n)
	}
}

// 10,000 documents with 8 servers each, all of them silent, take few descriptors and little memory, and none of it for long.
func TestDescriptorsOfManyServers(t *testing.T) {
	const servers = 80_000
	synctest.Test(t, func(t *testing.T) {
		e := New(Options{})
		e.sockets.open = newVoid
		opened, err := e.Open(engines.Config{Server: aaa.Server{Address: "192.0.2.1", Port: 1812, Secret: aaa.NewSecret("s")}})
		if err != nil {
			t.Fatal(err)
		}
		c := opened.(*client)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range servers {
			p := &pending{}
			h, _, err := c.take(t.Context(), p, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 1812), time.Second)
			if err != nil {
				t.Fatal(err)
			}
			h.quiet()
			c.release(p)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if n := e.Descriptors(); n > 200 {
			t.Errorf("%d descriptors", n)
		}
		if each := int64(after.HeapAlloc-before.HeapAlloc) / servers; each > 1200 {
			t.Errorf("a server takes %d octets", each)
		}
		time.Sleep(2 * unheardTimeout)
		synctest.Wait()
		if n := e.remotes.Size(); n != 0 {
			t.Errorf("%d servers are remembered", n)
		}
		e.Close()
	})
}

// Retire lets what is in flight end, and a holder of an older plan may go on.
func TestRetire(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s, c := scripted(t, 5*time.Second, 0, func(q *enginetest.Query) {
		<-release
		q.Send(q.Answer(radius.AccessAccept))
	})
	done := make(chan error)
	go func() {
		_, err := c.Exchange(t.Context(), login(avptest.New()))
		done <- err
	}()
	s.Wait(t, 1)
	c.Retire()
	close(release)
	if err := <-done; err != nil {
		t.Errorf("in flight: %v", err)
	}
	if _, err := c.Exchange(t.Context(), login(avptest.New())); err != nil {
		t.Errorf("after Retire: %v", err)
	}
}

// A machine that has no descriptor left fails no server: the request is told to come again.
func TestNoDescriptorLeft(t *testing.T) {
	t.Parallel()
	s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) { q.Send(q.Answer(radius.AccessAccept)) })
	var log bytes.Buffer
	e := New(Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	e.sockets.open = func(bool) (wire, error) { return nil, os.NewSyscallError("socket", syscall.EMFILE) }
	c := openTest(t, e, scriptedServer(s, 5*time.Second, 0))
	for range 5 {
		_, err := c.Exchange(t.Context(), login(avptest.New()))
		var refused *aaa.Error
		if !errors.As(err, &refused) || refused.Kind != aaa.KindBusy || refused.RetryAfter == 0 {
			t.Errorf("%v", err)
		}
	}
	if got := c.Health().State(); got != engines.Alive {
		t.Errorf("health %v", got)
	}
	if got := strings.Count(log.String(), "raise the limit of open files"); got != 1 {
		t.Errorf("the log: %s", &log)
	}
	// With one socket open, servers are asked from that: also where another would be wanted.
	e.sockets.open = openWire
	if _, err := c.Exchange(t.Context(), login(avptest.New())); err != nil {
		t.Fatal(err)
	}
	e.sockets.open = func(bool) (wire, error) { return nil, os.NewSyscallError("socket", syscall.EMFILE) }
	held := &pending{}
	h, _, err := c.take(t.Context(), held, s.Addr, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	h.quiet()
	c.release(held)
	if _, err := c.Exchange(t.Context(), login(avptest.New())); err != nil {
		t.Error(err)
	}
}

func TestIPv6(t *testing.T) {
	t.Parallel()
	c := openTest(t, New(Options{}), aaa.Server{Address: "::1", Port: 9, Secret: aaa.NewSecret("s"), Timeout: 50, Retries: 0})
	to, _, err := c.target(t.Context())
	if err != nil || to != netip.MustParseAddrPort("[::1]:9") {
		t.Fatalf("%v, %v", to, err)
	}
	// Nobody listens: refused where there is IPv6, unreachable where there is none.
	_, err = c.Exchange(t.Context(), login(avptest.New()))
	var f *engines.Failure
	if !errors.As(err, &f) || f.Reason != engines.Unreachable {
		t.Errorf("%v", err)
	}
}

// A node holds a Client for every server of every warm tenant.
func TestOpenedClientIsSmall(t *testing.T) {
	const n = 2000
	e := New(Options{})
	keep := make([]engines.Client, n)
	open := func(i int) {
		c, err := e.Open(engines.Config{Account: aaa.SystemConfig, Server: aaa.Server{
			Name: "server", Address: "192.0.2.1", Port: 1812, Secret: aaa.NewSecret("a secret of 32 characters, or so"),
			Timeout: 5000, Retries: 3, HealthCheck: aaa.HealthCheck{Type: "status-server"},
		}})
		if err != nil {
			t.Fatal(err)
		}
		keep[i] = c
	}
	open(0)
	var before, after runtime.MemStats
	goroutines := runtime.NumGoroutine()
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range keep {
		open(i)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := int64(after.HeapAlloc-before.HeapAlloc) / n; each >= 1024 {
		t.Errorf("a Client takes %d octets", each)
	}
	if got := runtime.NumGoroutine(); got > goroutines+8 {
		t.Errorf("opening started goroutines: %d, then %d", goroutines, got)
	}
	runtime.KeepAlive(keep)
}

func TestOpenChecks(t *testing.T) {
	t.Parallel()
	good := aaa.Server{Address: "192.0.2.1", Port: 1812, Secret: aaa.NewSecret("s")}
	for name, change := range map[string]func(*aaa.Server){
		"address":                       func(s *aaa.Server) { s.Address = "" },
		"port":                          func(s *aaa.Server) { s.Port = 65536 },
		"secret":                        func(s *aaa.Server) { s.Secret = aaa.Secret{} },
		"require_message_authenticator": func(s *aaa.Server) { s.RequireMessageAuthenticator = "Yes" },
		"health_check.type":             func(s *aaa.Server) { s.HealthCheck.Type = "ping" },
		"health_check":                  func(s *aaa.Server) { s.HealthCheck.Type = "user" },
	} {
		s := good
		change(&s)
		_, err := New(Options{}).Open(engines.Config{Server: s})
		var e *aaa.Error
		if !errors.As(err, &e) || e.Kind != aaa.KindBadInput || e.Fields[0].Path != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(Options{}).Open(engines.Config{Server: good}); err != nil {
		t.Error(err)
	}
}
