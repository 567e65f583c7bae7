package tacacs

import (
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/tacacs"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	enginetest.Run(t, enginetest.Harness{
		Engine: New(EngineOptions{}),
		Start: func(t *testing.T, b enginetest.Behaviour) aaa.Server {
			p := startPeer(t, &peer{Secret: testSecret, Quiet: true}, func(l *link) {
				for h, body := range l.Requests() {
					answer := pass(body)
					if start, ok := body.(*tacacs.AuthenStart); ok {
						switch {
						case start.Method == tacacs.AuthenASCII || string(start.Data) != "password":
							t.Errorf("got %+v", start)
						case b == enginetest.Rejects:
							answer = &tacacs.AuthenReply{Status: tacacs.AuthenFail}
						case b == enginetest.Challenges:
							answer = &tacacs.AuthenReply{Status: tacacs.AuthenGetData}
						}
					}
					if c, ok := body.(*tacacs.AuthenContinue); ok && c.Flags&tacacs.ContinueAbort != 0 || b == enginetest.Silent {
						continue
					}
					l.Send(h.Answer(h.Flags), answer)
				}
			})
			if b == enginetest.Absent {
				p.Stop()
			}
			return entry(p)
		},
		Request: func(op aaa.Op) *engines.Request {
			return request(t, op, "user=bob", "password=password", "cmd=show")
		},
		Unfit: request(t, aaa.Authn, "user="+strings.Repeat("x", 256), "password=password"),
	})
}
