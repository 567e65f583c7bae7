package radius

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/egress"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/engines/radius/streams"
	"aaa-api/internal/limits"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

// both are the protocols that this service offers.
var both = []string{radius.ALPN11, radius.ALPN10}

// versions are the negotiations that lead to each version.
var versions = map[string][]string{"radius/1.0": {radius.ALPN10}, "radius/1.1": both, "no ALPN": nil}

func TestConformanceOverTLS(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	state := []byte("a state")
	for name, protocols := range versions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			enginetest.Run(t, enginetest.Harness{
				Engine: New(Options{}), State: state, Once: true,
				Start: func(t *testing.T, b enginetest.Behaviour) aaa.Server {
					p := enginetest.NewRADSECPeer(t, testSecret, protocols, func(l *enginetest.RADSECLink) {
						switch b {
						case enginetest.Silent:
							for _, ok := l.Next(); ok; _, ok = l.Next() {
							}
						case enginetest.Rejects:
							l.Serve(radius.AccessReject)
						case enginetest.Challenges:
							l.Serve(radius.AccessChallenge, append([]byte{radius.AttrState, byte(2 + len(state))}, state...)...)
						default:
							l.Serve(radius.AccessAccept)
						}
					})
					s := p.Server(t)
					if b == enginetest.Absent {
						ln, err := net.Listen("tcp", "127.0.0.1:0")
						if err != nil {
							t.Fatal(err)
						}
						ln.Close()
						s.Port = ln.Addr().(*net.TCPAddr).Port
					}
					return s
				},
				Request: func(op aaa.Op) *engines.Request { r := login(d); r.Op = op; return r },
				Unfit:   &engines.Request{Dict: d, AVPs: []aaa.AVP{d.AVP("User-Name", strings.Repeat("x", 254))}},
			})
		})
	}
}

// overTLS opens a client of a scripted server.
func overTLS(t testing.TB, opts Options, p *enginetest.RADSECPeer, change func(*aaa.Server)) *client {
	t.Helper()
	s := p.Server(t)
	if change != nil {
		change(&s)
	}
	return openTest(t, New(opts), s)
}

// TestALPN: what the server picks decides what goes over the wire. Under 1.1 nothing is signed or hidden, under 1.0 both under
// "radsec" where the document has no secret.
func TestALPN(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	for name, protocols := range versions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := make(chan string, 2)
			p := enginetest.NewRADSECPeer(t, radius.TLSSecret, protocols, func(l *enginetest.RADSECLink) {
				for b, ok := l.Next(); ok; b, ok = l.Next() {
					seen <- fmt.Sprintf("1.1: %v, identifier: %v, signed: %v, password: %v", l.V11, l.V11 && b[1] == 0, b[radius.HeaderLen] == radius.AttrMessageAuthenticator, strings.Contains(string(b), "correct horse"))
					l.Send(l.Answer(b, radius.AccessAccept))
				}
			})
			c := overTLS(t, Options{}, p, nil)
			want := "1.1: false, identifier: false, signed: true, password: false"
			if name == "radius/1.1" {
				want = "1.1: true, identifier: true, signed: false, password: true"
			}
			for range 2 { // the first one's packet is made before the version is known
				var added []string
				req := login(d)
				req.Added = func(attribute, _ string) { added = append(added, attribute) }
				if r, err := c.Exchange(t.Context(), req); err != nil || r.Outcome != aaa.Accept {
					t.Fatalf("%+v, %v", r, err)
				}
				if got := <-seen; got != want {
					t.Errorf("%s, want %s", got, want)
				}
				if told := slices.Contains(added, "Message-Authenticator"); told == (name == "radius/1.1") || len(slices.Compact(slices.Sorted(slices.Values(added)))) != len(added) {
					t.Errorf("the trace says that %v was added", added)
				}
			}
			if p.Accepted() != 1 {
				t.Errorf("%d connections", p.Accepted())
			}
			if b, err := c.Encode(login(d)); err != nil || strings.Contains(string(b), "horse") {
				t.Errorf("%q, %v", b, err)
			}
		})
	}
}

// TestALPNMismatch: a server that speaks neither version ends the handshake with alert 120, and nothing is sent.
func TestALPNMismatch(t *testing.T) {
	t.Parallel()
	p := enginetest.NewRADSECPeer(t, testSecret, []string{"radius/9.9"}, func(l *enginetest.RADSECLink) { t.Error("a handshake without a common protocol") })
	c := overTLS(t, Options{}, p, nil)
	_, err := c.Exchange(t.Context(), login(avptest.New()))
	var f *engines.Failure
	if !errors.As(err, &f) || f.Reason != engines.Unreachable || !strings.Contains(err.Error(), "no application protocol") {
		t.Errorf("%v", err)
	}
}

// TestTLSNeverFallsBack: whatever is wrong with TLS, no packet goes out.
func TestTLSNeverFallsBack(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]struct {
		server func(*tls.Config)
		entry  func(*aaa.Server)
	}{
		"TLS 1.2":             {func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, nil},
		"another name":        {nil, func(s *aaa.Server) { s.TLS.ServerName = "x.example" }},
		"nobody vouches":      {nil, func(s *aaa.Server) { s.TLS.CA = s.TLS.Certificate }},
		"without certificate": {nil, func(s *aaa.Server) { s.TLS.Certificate, s.TLS.Key = "", aaa.Secret{} }},
		"no pair":             {nil, func(s *aaa.Server) { s.TLS.Certificate = s.TLS.CA }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := enginetest.NewRADSECPeer(t, testSecret, both, func(l *enginetest.RADSECLink) {
				if b, ok := l.Next(); ok {
					t.Errorf("a packet went out: % x", b)
				}
			})
			if change.server != nil {
				change.server(p.TLS)
			}
			c := overTLS(t, Options{}, p, change.entry)
			_, err := c.Exchange(t.Context(), login(avptest.New()))
			var f *engines.Failure
			// In TLS 1.3 a client has finished before the server looks at its certificate.
			if !errors.As(err, &f) || f.Reason != engines.Unreachable && !(name == "without certificate" && f.Reason == engines.NoAnswer) {
				t.Errorf("%v", err)
			}
			if c.health.State() == engines.Alive {
				t.Error("still alive")
			}
		})
	}
}

// TestLateRepliesKeepTheConnection (R5): a server stalls until its requests are given up, then answers them all. The replies are
// dropped, also where their identifiers are in use again, the connection stays, and new requests get their own answers.
func TestLateRepliesKeepTheConnection(t *testing.T) {
	t.Parallel()
	const stalled = identifiers // all identifiers of one connection
	for _, name := range []string{"radius/1.0", "radius/1.1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := avptest.New()
			gaveUp := make(chan struct{})
			p := enginetest.NewRADSECPeer(t, testSecret, versions[name], func(l *enginetest.RADSECLink) {
				var old [][]byte
				for range stalled {
					b, ok := l.Next()
					if !ok {
						return
					}
					old = append(old, b)
				}
				<-gaveUp
				for _, b := range old {
					l.Send(l.Answer(b, radius.AccessReject))
				}
				var fresh [][]byte
				for range 20 {
					b, ok := l.Next()
					if !ok {
						t.Error("the connection was closed")
						return
					}
					fresh = append(fresh, b)
				}
				for _, b := range old { // once more, now that identifiers are used again
					l.Send(l.Answer(b, radius.AccessReject))
				}
				for _, b := range fresh {
					l.Send(l.Answer(b, radius.AccessAccept))
				}
				l.Serve(radius.AccessAccept)
			})
			c := overTLS(t, Options{}, p, func(s *aaa.Server) { s.Connections = 1 })
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			for range stalled {
				wg.Go(func() {
					if _, err := c.Exchange(ctx, login(d)); !errors.Is(err, context.Canceled) {
						t.Errorf("a stalled request: %v", err)
					}
				})
			}
			waitFor(t, func() bool { return c.streams.Stats().InFlight == stalled })
			cancel()
			wg.Wait()
			close(gaveUp)
			for range 20 {
				wg.Go(func() {
					if r, err := c.Exchange(t.Context(), login(d)); err != nil || r.Outcome != aaa.Accept {
						t.Errorf("a new request: %+v, %v", r, err)
					}
				})
			}
			wg.Wait()
			if r, err := c.Exchange(t.Context(), login(d)); err != nil || r.Outcome != aaa.Accept || p.Accepted() != 1 {
				t.Errorf("%+v, %v, on %d connections", r, err, p.Accepted())
			}
		})
	}
}

// waitFor waits for a minute at most.
func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain")
		}
	}
}

// TestCoARequestIsRefused (R9): a CoA-Request on a connection that this side opened gets a NAK with a cause, and one that does
// not verify gets nothing. The connection stays.
func TestCoARequestIsRefused(t *testing.T) {
	t.Parallel()
	for name, protocols := range versions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			naks := make(chan radius.Packet, 2)
			p := enginetest.NewRADSECPeer(t, testSecret, protocols, func(l *enginetest.RADSECLink) {
				b, ok := l.Next()
				if !ok {
					return
				}
				for i, code := range []radius.Code{radius.CoARequest, radius.DisconnectRequest} {
					ask := radius.AppendHeader(nil, code, byte(i), new(radius.Authenticator))
					if l.V11 {
						ask = radius.AppendHeader11(nil, code, radius.Token(i))
						radius.Finish11(ask, radius.Token(i))
					} else {
						radius.NewKey([]byte("another")).SignRequest(ask)
						l.Send(ask)
						radius.NewKey([]byte(testSecret)).SignRequest(ask)
					}
					l.Send(ask)
					nak, ok := l.Next()
					if !ok {
						t.Error("the connection was closed")
						return
					}
					n, err := radius.Parse(nak)
					if err != nil {
						t.Error(err)
					}
					naks <- n
				}
				l.Send(l.Answer(b, radius.AccessAccept))
			})
			c := overTLS(t, Options{}, p, nil)
			if r, err := c.Exchange(t.Context(), login(avptest.New())); err != nil || r.Outcome != aaa.Accept {
				t.Errorf("%+v, %v", r, err)
			}
			for _, want := range []radius.Code{radius.CoANAK, radius.DisconnectNAK} {
				select { // the answer came after both
				case n := <-naks:
					if n.Code() != want || n.ErrorCause() != 406 {
						t.Errorf("%v with cause %d", n, n.ErrorCause())
					}
				default:
					t.Errorf("no NAK of code %d", want)
				}
			}
		})
	}
}

// TestUnparsableStream: octets that are no packet end the connection and its requests; the next request has another one.
func TestUnparsableStream(t *testing.T) {
	t.Parallel()
	for name, octets := range map[string][]byte{
		"a length below a header": {2, 0, 0, 19, 0},
		"a length over 4096":      {2, 0, 0x10, 1, 0},
		"attributes that do not add up": func() []byte {
			b := append(radius.AppendHeader(nil, radius.AccessAccept, 0, new(radius.Authenticator)), 1, 99)
			b[3] = byte(len(b))
			return b
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := enginetest.NewRADSECPeer(t, testSecret, nil, func(l *enginetest.RADSECLink) {
				if l.N == 1 {
					l.Next()
					l.Send(octets)
					if _, ok := l.Next(); ok {
						t.Error("still used")
					}
					return
				}
				l.Serve(radius.AccessAccept)
			})
			c := overTLS(t, Options{}, p, nil)
			_, err := c.Exchange(t.Context(), login(avptest.New()))
			var f *engines.Failure
			if !errors.As(err, &f) || f.Reason != engines.BadReply || !errors.Is(err, engines.ErrMalformed) {
				t.Errorf("%v", err)
			}
			if r, err := c.Exchange(t.Context(), login(avptest.New())); err != nil || r.Outcome != aaa.Accept {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

// TestLostConnection: its requests fail at once so that the next server is asked, the server's health is told once, and none
// of them is sent again.
func TestLostConnection(t *testing.T) {
	t.Parallel()
	const requests = 40
	var mu sync.Mutex
	got := 0
	p := enginetest.NewRADSECPeer(t, testSecret, both, func(l *enginetest.RADSECLink) {
		for range requests {
			if _, ok := l.Next(); !ok {
				return
			}
			mu.Lock()
			got++
			mu.Unlock()
		}
	})
	c := overTLS(t, Options{}, p, func(s *aaa.Server) { s.Timeout = 60_000 })
	var wg sync.WaitGroup
	for range requests {
		wg.Go(func() {
			_, err := c.Exchange(t.Context(), login(avptest.New()))
			var f *engines.Failure
			if !errors.As(err, &f) || f.Reason != engines.NoAnswer || f.Attempts != 1 {
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
	mu.Lock()
	defer mu.Unlock()
	if state := c.health.State(); state != engines.Zombie || got != requests || p.Accepted() != 1 {
		t.Errorf("%v, %d packets on %d connections", state, got, p.Accepted())
	}
}

// TestMoreConnections: RADIUS/1.0 has 256 identifiers a connection, so more requests have more connections, up to the document's number;
// those beyond wait.
func TestMoreConnections(t *testing.T) {
	t.Parallel()
	const requests = 2*identifiers + 50
	all := make(chan struct{})
	var mu sync.Mutex
	got := 0
	p := enginetest.NewRADSECPeer(t, testSecret, nil, func(l *enginetest.RADSECLink) {
		var list [][]byte
		for len(list) < identifiers {
			b, ok := l.Next()
			if !ok {
				return
			}
			list = append(list, b)
			mu.Lock()
			if got++; got == 2*identifiers {
				close(all)
			}
			mu.Unlock()
		}
		<-all
		for _, b := range list {
			l.Send(l.Answer(b, radius.AccessAccept))
		}
		l.Serve(radius.AccessAccept)
	})
	c := overTLS(t, Options{}, p, func(s *aaa.Server) { s.Connections, s.Timeout = 2, 60_000 })
	var wg sync.WaitGroup
	for range requests {
		wg.Go(func() {
			if r, err := c.Exchange(t.Context(), login(avptest.New())); err != nil || r.Outcome != aaa.Accept {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	wg.Wait()
	if p.Accepted() != 2 {
		t.Errorf("%d connections", p.Accepted())
	}
}

// TestProtocolErrorFails: the request goes on to the next server, and the one that answers so is not blamed.
func TestProtocolErrorFails(t *testing.T) {
	t.Parallel()
	for name, protocols := range versions {
		p := enginetest.NewRADSECPeer(t, testSecret, protocols, func(l *enginetest.RADSECLink) {
			l.Serve(radius.ProtocolError, radius.AttrErrorCause, 6, 0, 0, 1, 0xf6)
		})
		c := overTLS(t, Options{}, p, nil)
		_, err := c.Exchange(t.Context(), login(avptest.New()))
		var f *engines.Failure
		if !errors.As(err, &f) || f.Reason != engines.ServerError || !strings.Contains(err.Error(), "502") || c.health.State() != engines.Alive {
			t.Errorf("%s: %v, %v", name, err, c.health.State())
		}
	}
}

// TestUnsignedOverTLS: under 1.0 require_message_authenticator holds as over UDP, under 1.1 there is nothing to sign with.
func TestUnsignedOverTLS(t *testing.T) {
	t.Parallel()
	for name, protocols := range versions {
		p := enginetest.NewRADSECPeer(t, testSecret, protocols, func(l *enginetest.RADSECLink) {
			for b, ok := l.Next(); ok; b, ok = l.Next() {
				if l.V11 {
					l.Send(l.Answer(b, radius.AccessAccept))
					continue
				}
				auth := radius.Authenticator(b[4:radius.HeaderLen])
				answer := radius.AppendHeader(nil, radius.AccessAccept, b[1], &auth)
				radius.NewKey([]byte(testSecret)).SignReply(answer, &auth)
				l.Send(answer)
			}
		})
		c := overTLS(t, Options{}, p, func(s *aaa.Server) { s.RequireMessageAuthenticator, s.Timeout = "yes", 300 })
		_, err := c.Exchange(t.Context(), login(avptest.New()))
		if name == "radius/1.1" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if !errors.Is(err, engines.ErrNoAuthenticator) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWatchdog: a connection on which nothing arrives is asked by Status-Server, stays while that is answered, and is closed when
// it is not. An unused one is closed.
func TestWatchdog(t *testing.T) {
	t.Parallel()
	for name, protocols := range versions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked, ended := make(chan radius.Code, 100), make(chan int, 3)
			answers := 3
			p := enginetest.NewRADSECPeer(t, testSecret, protocols, func(l *enginetest.RADSECLink) {
				defer func() { ended <- l.N }()
				for b, ok := l.Next(); ok; b, ok = l.Next() {
					code := radius.Code(b[0])
					if code == radius.StatusServer {
						asked <- code
						if answers--; answers < 0 {
							continue
						}
					}
					l.Send(l.Answer(b, radius.AccessAccept))
				}
			})
			c := overTLS(t, Options{Watchdog: 30 * time.Millisecond, StreamIdle: time.Hour}, p, nil)
			if _, err := c.Exchange(t.Context(), login(avptest.New())); err != nil {
				t.Fatal(err)
			}
			for range 3 + 2 { // three answered, two that are not
				<-asked
			}
			<-ended
			waitFor(t, func() bool { return c.streams.Stats().Connections == 0 })
			if c.health.State() != engines.Alive {
				t.Errorf("an unused connection's end says nothing of the server: %v", c.health.State())
			}
		})
	}
	p := enginetest.NewRADSECPeer(t, testSecret, both, func(l *enginetest.RADSECLink) { l.Serve(radius.AccessAccept) })
	c := overTLS(t, Options{Watchdog: 10 * time.Millisecond, StreamIdle: 20 * time.Millisecond}, p, nil)
	if _, err := c.Exchange(t.Context(), login(avptest.New())); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return c.streams.Stats().Connections == 0 })
}

// TestProbesOverTLS: a server that came back is found by Status-Server over a connection of its own.
func TestProbesOverTLS(t *testing.T) {
	t.Parallel()
	p := enginetest.NewRADSECPeer(t, testSecret, both, func(l *enginetest.RADSECLink) { l.Serve(radius.AccessAccept) })
	c := overTLS(t, Options{}, p, nil)
	for range engines.FailuresToDead {
		c.health.Failure()
	}
	for range engines.AnswersToAlive {
		if err := c.ask(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if c.health.State() != engines.Alive {
		t.Errorf("%v", c.health.State())
	}
}

// TestBoundsOverTLS: the account's networks and its number of connections bound the connections, and neither is the server's fault.
func TestBoundsOverTLS(t *testing.T) {
	t.Parallel()
	p := enginetest.NewRADSECPeer(t, testSecret, both, func(l *enginetest.RADSECLink) { l.Serve(radius.AccessAccept) })
	fails := func(cfg engines.Config, want engines.Reason) {
		t.Helper()
		cfg.Server = p.Server(t)
		c, err := New(Options{}).Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Retire()
		_, err = c.Exchange(t.Context(), login(avptest.New()))
		var f *engines.Failure
		if !errors.As(err, &f) || f.Reason != want || c.Health().State() != engines.Alive {
			t.Errorf("%v, %v; want %v", err, c.Health().State(), want)
		}
	}
	fails(engines.Config{Reach: new(egress.Rules).Account()}, engines.NotAllowed)
	account := aaa.NewAccountID()
	none := aaa.NoLimits()
	none[aaa.LimitConnections] = 0
	bound := limits.NewAccount(account)
	bound.Set(limits.Root("root", nil).Below(account, &none))
	fails(engines.Config{Account: account, Limits: bound}, engines.HeldBack)
	if p.Accepted() != 0 {
		t.Errorf("%d connections", p.Accepted())
	}
}

// TestOpenOverTLS: a transport that is not understood does not turn TLS off.
func TestOpenOverTLS(t *testing.T) {
	t.Parallel()
	for transport, fine := range map[string]bool{"": true, "udp": true, "tls": true, "tcp": false, "TLS": false} {
		_, err := New(Options{}).Open(engines.Config{Server: aaa.Server{Address: "192.0.2.1", Port: 2083, Secret: aaa.NewSecret("x"), Transport: transport}})
		if fine != (err == nil) {
			t.Errorf("%q: %v", transport, err)
		}
	}
	if _, err := New(Options{}).Open(engines.Config{Server: aaa.Server{Address: "192.0.2.1", Port: 2083}}); err == nil {
		t.Error("UDP without a secret")
	}
	if streams.Unknown != 0 {
		t.Error("a new Manager has a version")
	}
}
