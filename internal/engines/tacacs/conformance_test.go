package tacacs

import (
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
)

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
