package tacacs

import (
	"errors"
	"net"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/tacacs"
)

const testSecret = "a secret of at least thirty-two octets"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type (
	peer = enginetest.TACACSPeer
	link = enginetest.TACACSLink
)

func startPeer(t testing.TB, p *peer, script func(*link)) *peer { return p.Start(t, script) }

var (
	pass       = enginetest.TACACSPass
	eventually = enginetest.Eventually
	newPipes   = enginetest.NewPipes
)

// fails checks that err is a Failure of that reason and fault.
func fails(t testing.TB, what string, err error, reason engines.Reason, fault error) {
	t.Helper()
	var f *engines.Failure
	if !errors.As(err, &f) || f.Reason != reason || !errors.Is(err, fault) {
		t.Errorf("%s: %v, want %v: %v", what, err, reason, fault)
	}
}

// testDicts is dictionary_tacacs with the standard one behind it.
func testDicts(t testing.TB) *dict.Set {
	t.Helper()
	catalog, err := dict.LoadSystem("")
	if err != nil {
		t.Fatal(err)
	}
	own, ok := catalog.Get("dictionary_tacacs")
	if !ok {
		t.Fatal("no dictionary_tacacs")
	}
	standard, _ := catalog.Get("dictionary")
	return dict.NewSet(own, standard)
}

// request makes one of attributes written name=value; a name with a star is of an optional argument.
func request(t testing.TB, op aaa.Op, pairs ...string) *engines.Request {
	t.Helper()
	d := testDicts(t)
	r := &engines.Request{Op: op, Dict: d}
	for _, p := range pairs {
		name, text, _ := strings.Cut(p, "=")
		name, optional := strings.CutSuffix(name, "*")
		a := d.ByName(name)
		if a == nil {
			a = aaa.NewArgument(name)
		}
		value, err := d.Encode(a, text)
		if err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		r.AVPs = append(r.AVPs, aaa.AVP{Attr: a, Value: value, Optional: optional})
	}
	return r
}

// entry is the entry of a document for a peer.
func entry(p *peer) aaa.Server {
	addr := p.Listener.Addr().(*net.TCPAddr)
	return aaa.Server{
		Name: "t", Enabled: true, Engine: Name, Address: addr.IP.String(), Port: addr.Port,
		Secret: aaa.NewSecret(p.Secret), Timeout: 5000,
	}
}

// scripted is a server that answers each request by a function of it, and keeps what it got.
type scripted struct {
	*peer
	t   testing.TB
	mu  sync.Mutex
	got []tacacs.Body
	hdr []tacacs.Header
}

func script(t testing.TB, answer func(tacacs.Body) tacacs.Body) *scripted {
	t.Helper()
	return scriptOn(t, nil, answer)
}

// scriptOn is script at a listener; without one it makes its own.
func scriptOn(t testing.TB, ln net.Listener, answer func(tacacs.Body) tacacs.Body) *scripted {
	t.Helper()
	s := &scripted{t: t}
	s.peer = startPeer(t, &peer{Secret: testSecret, Quiet: true, Listener: ln}, func(l *link) {
		for h, body := range l.Requests() {
			s.mu.Lock()
			s.got, s.hdr = append(s.got, body), append(s.hdr, h)
			s.mu.Unlock()
			if c, ok := body.(*tacacs.AuthenContinue); ok && c.Flags&tacacs.ContinueAbort != 0 {
				continue
			}
			r := answer(body)
			if r == nil {
				return
			}
			l.Send(h.Answer(h.Flags), r)
		}
	})
	return s
}

// last is the latest request, of the type wanted.
func last[B tacacs.Body](s *scripted) B {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.got[len(s.got)-1].(B)
	if !ok {
		s.t.Errorf("got a %T", s.got[len(s.got)-1])
	}
	return b
}

func (s *scripted) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.got)
}

func open(t testing.TB, p *peer, opts EngineOptions, change ...func(*aaa.Server)) *client {
	t.Helper()
	s := entry(p)
	for _, f := range change {
		f(&s)
	}
	c, err := New(opts).Open(engines.Config{Account: "a", Server: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Retire()
		if m := c.(*client).manager; m != nil {
			eventually(t, "no connection", func() bool { return m.Stats().Connections == 0 })
		}
	})
	return c.(*client)
}

func ask(t testing.TB, c *client, op aaa.Op, pairs ...string) *engines.Reply {
	t.Helper()
	r, err := c.Exchange(t.Context(), request(t, op, pairs...))
	if err != nil {
		t.Fatalf("%v %v: %v", op, pairs, err)
	}
	return r
}

// texts are AVPs as name=value and name*value.
func texts(r *engines.Reply) []string {
	var list []string
	for _, v := range r.AVPs {
		list = append(list, tacacs.Argument{Name: v.Attr.Name, Value: string(v.Value), Mandatory: !v.Optional}.String())
	}
	return list
}

// wantInput checks the error of a request that can't be sent.
func wantInput(t testing.TB, err error, path string) {
	t.Helper()
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != aaa.KindBadInput || len(e.Fields) != 1 || e.Fields[0].Path != path {
		t.Errorf("%v, want bad input at %s", err, path)
	}
}

// logged is a log.
type logged struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
