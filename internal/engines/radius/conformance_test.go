package radius

import (
	"net"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	state := []byte("a state")
	e := New(Options{})
	t.Cleanup(func() { e.Close() })
	enginetest.Run(t, enginetest.Harness{
		Engine: e,
		State:  state,
		Start: func(t *testing.T, b enginetest.Behaviour) aaa.Server {
			if b == enginetest.Absent {
				l, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				return aaa.Server{Name: "absent", Address: "127.0.0.1", Port: l.LocalAddr().(*net.UDPAddr).Port, Secret: aaa.NewSecret(testSecret)}
			}
			s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) {
				switch {
				case b == enginetest.Silent:
				case radius.Code(q.Packet[0]) == radius.AccountingRequest:
					q.Send(q.Bare(radius.AccountingResponse))
				case b == enginetest.Rejects:
					q.Send(q.Answer(radius.AccessReject))
				case b == enginetest.Challenges:
					q.Send(q.Answer(radius.AccessChallenge, append([]byte{radius.AttrState, byte(2 + len(state))}, state...)...))
				default:
					q.Send(q.Answer(radius.AccessAccept))
				}
			})
			return scriptedServer(s, 0, 0)
		},
		Request: func(op aaa.Op) *engines.Request { r := login(d); r.Op = op; return r },
		Unfit:   &engines.Request{Dict: d, AVPs: []aaa.AVP{d.AVP("User-Name", strings.Repeat("x", 254))}},
	})
}
