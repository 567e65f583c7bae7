package radius

import (
	"slices"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

// TestProxyState: a mark of the request goes out behind all else, to each kind of server, and does not come back with the reply.
func TestProxyState(t *testing.T) {
	t.Parallel()
	const mark, other = "the mark", "of the caller"
	d := avptest.New()
	d.Attrs = append(d.Attrs, &aaa.Attribute{Name: "Proxy-State", Number: radius.AttrProxyState, Type: aaa.TypeOctets, Wire: true})
	for _, op := range []aaa.Op{aaa.Authn, aaa.Accounting} {
		got := make(chan []string, 1)
		_, c := scripted(t, 10*time.Second, 0, func(q *enginetest.Query) {
			var echoed []byte
			var all []string
			last := byte(0)
			packet, err := radius.Parse(q.Packet)
			if err != nil {
				t.Error(err)
				return
			}
			for n, v := range packet.Attributes() {
				if last = n; n == radius.AttrProxyState {
					all, echoed = append(all, string(v)), radius.AppendAttribute(echoed, n, v...)
				}
			}
			if last != radius.AttrProxyState {
				all = append(all, "something behind")
			}
			got <- all
			code := radius.AccessAccept
			if op == aaa.Accounting {
				code = radius.AccountingResponse
			}
			q.Send(q.Answer(code, echoed...))
		})
		req := &engines.Request{Op: op, Dict: d, AVPs: []aaa.AVP{d.AVP("Proxy-State", other), d.AVP("User-Name", "bob")}, ProxyState: []byte(mark)}
		if op == aaa.Authn {
			req.AVPs = append(req.AVPs, d.AVP("User-Password", "x"))
		}
		r, err := c.Exchange(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if all := <-got; !slices.Equal(all, []string{other, mark}) {
			t.Errorf("%v: sent %q", op, all)
		}
		if len(r.AVPs) != 1 || string(r.AVPs[0].Value) != other {
			t.Errorf("%v: %+v came back", op, r.AVPs)
		}
	}
}
