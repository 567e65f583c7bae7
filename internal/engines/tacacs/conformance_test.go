package tacacs

import (
	"net"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
)

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
	addr := p.ln.Addr().(*net.TCPAddr)
	return aaa.Server{
		Name: "t", Enabled: true, Engine: Name, Address: addr.IP.String(), Port: addr.Port,
		Secret: aaa.NewSecret(p.secret), Timeout: 5000,
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	enginetest.Run(t, enginetest.Harness{
		Engine: New(EngineOptions{}),
		Start: func(t *testing.T, b enginetest.Behaviour) aaa.Server {
			p := startPeer(t, &peer{secret: testSecret, quiet: true}, func(l *link) {
				for h, body := range l.requests() {
					answer := pass(body)
					if start, ok := body.(*AuthenStart); ok {
						switch {
						case start.Method == AuthenASCII || string(start.Data) != "password":
							l.t.Errorf("got %+v", start)
						case b == enginetest.Rejects:
							answer = &AuthenReply{Status: AuthenFail}
						case b == enginetest.Challenges:
							answer = &AuthenReply{Status: AuthenGetData}
						}
					}
					if c, ok := body.(*AuthenContinue); ok && c.Flags&ContinueAbort != 0 || b == enginetest.Silent {
						continue
					}
					l.send(h.answer(h.Flags), answer)
				}
			})
			if b == enginetest.Absent {
				p.stop()
			}
			return entry(p)
		},
		Request: func(op aaa.Op) *engines.Request {
			return request(t, op, "user=bob", "password=password", "cmd=show")
		},
		Unfit: request(t, aaa.Authn, "user="+strings.Repeat("x", 256), "password=password"),
	})
}
