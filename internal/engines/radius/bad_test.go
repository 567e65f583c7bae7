package radius

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

const testSecret = "the shared secret"

func scripted(t testing.TB, timeout time.Duration, retries int, script func(*enginetest.Query)) (*enginetest.ScriptedRADIUS, *client) {
	t.Helper()
	s := enginetest.NewScriptedRADIUS(t, testSecret, script)
	return s, openTest(t, New(Options{}), scriptedServer(s, timeout, retries))
}

func scriptedServer(s *enginetest.ScriptedRADIUS, timeout time.Duration, retries int) aaa.Server {
	return aaa.Server{
		Name: "scripted", Address: s.Addr.Addr().String(), Port: int(s.Addr.Port()),
		Secret: aaa.NewSecret(testSecret), Timeout: int(timeout.Milliseconds()), Retries: retries,
	}
}

func login(d *avptest.Dictionary) *engines.Request {
	return &engines.Request{Dict: d, AVPs: []aaa.AVP{d.AVP("User-Name", "alice"), d.AVP("User-Password", "correct horse")}}
}

// A reply that must be dropped neither ends the exchange nor makes it send again.
func TestMisdeedsAreDropped(t *testing.T) {
	t.Parallel()
	for _, m := range enginetest.Misdeeds {
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			s, c := scripted(t, 5*time.Second, 3, func(q *enginetest.Query) {
				m.Do(q)
				q.Send(q.Answer(radius.AccessReject))
			})
			r, err := c.Exchange(t.Context(), login(avptest.New()))
			if err != nil || r.Outcome != aaa.Reject || r.Attempts != 1 || len(s.Packets()) != 1 {
				t.Errorf("%+v, %v, %d packets", r, err, len(s.Packets()))
			}
		})
	}
}

// With nothing but replies to drop, the exchange takes as long and sends as often as
// with silence, and tells the difference.
func TestOnlyMisdeeds(t *testing.T) {
	t.Parallel()
	for _, m := range enginetest.Misdeeds {
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			s, c := scripted(t, 40*time.Millisecond, 1, m.Do)
			start := time.Now()
			_, err := c.Exchange(t.Context(), login(avptest.New()))
			s.Wait(t, 2) // the server may come to the last packet later than the timeout
			var f *engines.Failure
			want := engines.NoAnswer
			if m.Seen {
				want = engines.BadReply
			}
			if !errors.As(err, &f) || f.Reason != want || f.Attempts != 2 || len(s.Packets()) != 2 {
				t.Errorf("%v, %d packets, want %v", err, len(s.Packets()), want)
			}
			if m.Seen && !errors.Is(err, m.Kind) {
				t.Errorf("%v is not known as: %v", err, m.Kind)
			}
			if d := time.Since(start); d < 2*36*time.Millisecond {
				t.Errorf("gave up after %v", d)
			}
			if err != nil && strings.Contains(err.Error(), testSecret) {
				t.Errorf("the error holds the secret: %v", err)
			}
		})
	}
}

// RFC 5080 §2.2.1: a retransmission is the same packet from the same port.
func TestRetransmissionIsTheSamePacket(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var ports []uint16
	s, c := scripted(t, 20*time.Millisecond, 3, func(q *enginetest.Query) {
		mu.Lock()
		ports = append(ports, q.From.Port())
		mu.Unlock()
		if q.Count == 4 {
			q.Send(q.Answer(radius.AccessAccept))
		}
	})
	r, err := c.Exchange(t.Context(), login(avptest.New()))
	if err != nil || r.Attempts != 4 {
		t.Fatalf("%+v, %v", r, err)
	}
	mu.Lock()
	defer mu.Unlock()
	for i, p := range s.Packets() {
		if !bytes.Equal(p, s.Packets()[0]) || ports[i] != ports[0] {
			t.Errorf("attempt %d differs", i+1)
		}
	}
}

// RFC 2866 §5.2: a new Acct-Delay-Time makes a new request; and the answer to the
// earlier one still tells that the record has arrived.
func TestAccountingRetransmission(t *testing.T) {
	t.Parallel()
	var first *enginetest.Query
	s, c := scripted(t, 1150*time.Millisecond, 3, func(q *enginetest.Query) {
		if first == nil {
			first = q
			return
		}
		first.Send(first.Answer(radius.AccountingResponse))
	})
	d := avptest.New()
	r, err := c.Exchange(t.Context(), &engines.Request{Op: aaa.Accounting, Dict: d, AVPs: []aaa.AVP{
		d.AVP("User-Name", "alice"), d.AVP("Acct-Delay-Time", "\x00\x00\x00\x05"), d.AVP("Acct-Session-Id", "s1"),
	}})
	if err != nil || r.Attempts != 2 || r.Outcome != aaa.Accept {
		t.Fatalf("%+v, %v", r, err)
	}
	a, b := s.Packets()[0], s.Packets()[1]
	if bytes.Equal(a[4:20], b[4:20]) {
		t.Error("the authenticator stayed the same")
	}
	for i, want := range []uint32{5, 6} {
		if got := binary.BigEndian.Uint32(find(t, s.Packets()[i], radius.AttrAcctDelayTime)); got != want {
			t.Errorf("attempt %d has Acct-Delay-Time %d, want %d", i+1, got, want)
		}
		checkAccountingAuthenticator(t, s.Packets()[i])
	}
	// Within one second nothing has changed, so nothing changes.
	s, c = scripted(t, 20*time.Millisecond, 2, func(q *enginetest.Query) {
		if q.Count == 3 {
			q.Send(q.Bare(radius.AccountingResponse))
		}
	})
	if _, err := c.Exchange(t.Context(), &engines.Request{Op: aaa.Accounting, Dict: d}); err != nil {
		t.Fatal(err)
	}
	if p := s.Packets(); !bytes.Equal(p[0], p[1]) || !bytes.Equal(p[0], p[2]) {
		t.Error("an unchanged record was not sent again as it was")
	}
}

// An answer that comes after its request was given up is nobody's.
func TestLateReply(t *testing.T) {
	t.Parallel()
	var late *enginetest.Query
	_, c := scripted(t, 30*time.Millisecond, 0, func(q *enginetest.Query) {
		if late == nil {
			late = q
			return
		}
		late.Send(late.Answer(radius.AccessAccept))
		q.Send(q.Answer(radius.AccessReject))
	})
	d := avptest.New()
	if _, err := c.Exchange(t.Context(), login(d)); err == nil {
		t.Fatal("silence was an answer")
	}
	c.timeout = 5 * time.Second
	if r, err := c.Exchange(t.Context(), login(d)); err != nil || r.Outcome != aaa.Reject {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestDuplicateReply(t *testing.T) {
	t.Parallel()
	_, c := scripted(t, 5*time.Second, 0, func(q *enginetest.Query) {
		code := radius.AccessAccept
		if q.Count%2 == 0 {
			code = radius.AccessReject
		}
		for range 3 {
			q.Send(q.Answer(code))
		}
	})
	d := avptest.New()
	for i := range 300 { // more than there are identifiers
		want := aaa.Accept
		if i%2 == 1 {
			want = aaa.Reject
		}
		if r, err := c.Exchange(t.Context(), login(d)); err != nil || r.Outcome != want {
			t.Fatalf("request %d: %+v, %v", i, r, err)
		}
	}
}

// RFC 2865 §3: octets outside the range of the Length field are padding.
func TestPaddingIsIgnored(t *testing.T) {
	t.Parallel()
	_, c := scripted(t, 5*time.Second, 0, func(q *enginetest.Query) {
		q.Send(append(q.Answer(radius.AccessAccept, 18, 4, 'h', 'i'), 1, 2, 3))
	})
	r, err := c.Exchange(t.Context(), login(avptest.New()))
	if err != nil || len(r.AVPs) != 1 || string(r.AVPs[0].Value) != "hi" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestRequireMessageAuthenticator(t *testing.T) {
	t.Parallel()
	const with, bare, eap, eapBare = 'm', 'b', 'e', 'x'
	for _, tc := range []struct {
		mode, replies, results string // y: taken, n: dropped
	}{
		{"auto", "bb", "yy"},
		{"", "bmmmmmmb", "yyyyyyyy"},
		{"", "mmmmmb", "yyyyyn"},
		{"", "mmmmb", "yyyyy"},
		{"auto", "eeeeeb", "yyyyyy"}, // RFC 3579 demands it beside EAP: says nothing of other replies
		{"yes", "bm", "ny"},
		{"no", "mb", "yy"},
		{"auto", "x", "n"}, // RFC 3579 §3.1: whatever the setting
		{"no", "xe", "ny"},
	} {
		t.Run(tc.mode+" "+tc.replies, func(t *testing.T) {
			t.Parallel()
			s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) {
				switch tc.replies[q.Count-1] {
				case with:
					q.Send(q.Answer(radius.AccessAccept))
				case eap:
					q.Send(q.Answer(radius.AccessAccept, 79, 6, 3, 1, 0, 4))
				case eapBare:
					q.Send(q.Bare(radius.AccessAccept, 79, 6, 3, 1, 0, 4))
				default:
					q.Send(q.Bare(radius.AccessAccept))
				}
			})
			cfg := scriptedServer(s, 100*time.Millisecond, 0)
			cfg.RequireMessageAuthenticator = tc.mode
			c := openTest(t, New(Options{}), cfg)
			for i, want := range tc.results {
				_, err := c.Exchange(t.Context(), login(avptest.New()))
				if (err == nil) != (want == 'y') || err != nil && !errors.Is(err, engines.ErrNoAuthenticator) {
					t.Errorf("reply %d: %v", i+1, err)
				}
			}
		})
	}
}

// An Accounting-Response has no Message-Authenticator to require.
func TestRequireMessageAuthenticatorNotOfAccounting(t *testing.T) {
	t.Parallel()
	s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) { q.Send(q.Bare(radius.AccountingResponse)) })
	cfg := scriptedServer(s, 5*time.Second, 0)
	cfg.RequireMessageAuthenticator = "yes"
	c := openTest(t, New(Options{}), cfg)
	if _, err := c.Exchange(t.Context(), &engines.Request{Op: aaa.Accounting, Dict: avptest.New()}); err != nil {
		t.Error(err)
	}
}

// An ICMP refusal ends the exchange at once.
func TestRefused(t *testing.T) {
	t.Parallel()
	l, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 3)}) // whose port no other test is given
	if err != nil {
		t.Fatal(err)
	}
	addr := l.LocalAddr().(*net.UDPAddr)
	l.Close()
	c := openTest(t, New(Options{}), aaa.Server{
		Address: addr.IP.String(), Port: addr.Port, Secret: aaa.NewSecret("s"), Timeout: 60000, Retries: 10,
	})
	_, err = c.Exchange(t.Context(), login(avptest.New()))
	var f *engines.Failure
	if !errors.As(err, &f) || f.Reason != engines.Unreachable || f.Attempts != 1 {
		t.Errorf("%v", err)
	}
	if c.health.State() != engines.Zombie {
		t.Errorf("health %v", c.health.State())
	}
}

// outOfTime is a context whose cancellation is its deadline.
type outOfTime struct{ context.Context }

func (c outOfTime) Err() error {
	if c.Context.Err() != nil {
		return context.DeadlineExceeded
	}
	return nil
}

func TestContextEndsExchange(t *testing.T) {
	t.Parallel()
	s, c := scripted(t, 10*time.Second, 0, func(*enginetest.Query) {})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		s.Wait(t, 1)
		cancel()
	}()
	if _, err := c.Exchange(ctx, login(avptest.New())); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	ctx = outOfTime{ctx}
	go func() {
		s.Wait(t, 2)
		cancel()
	}()
	if _, err := c.Exchange(ctx, login(avptest.New())); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
	if c.health.State() != engines.Alive {
		t.Errorf("health %v, though no timeout has passed", c.health.State())
	}
	if _, err := c.Exchange(ctx, login(avptest.New())); !errors.Is(err, context.DeadlineExceeded) || len(s.Packets()) != 2 {
		t.Errorf("dead on arrival: %v, %d packets", err, len(s.Packets()))
	}
}
