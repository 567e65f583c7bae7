package radius

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/clients"
	"aaa-api/internal/ingress"
	"aaa-api/internal/radius"
)

// TestLogin: a PAP login becomes a request with its AVPs revealed, and its reply verifies.
func TestLogin(t *testing.T) {
	t.Parallel()
	s := newSet(t)
	s.withA(aaa.Client{NASType: "cisco"})
	s.gate.handle = answers(aaa.Accept, attr("Class", "c"), attr("Reply-Message", "welcome"))
	q := login(t, secretA, attr("Calling-Station-Id", "00-11"))
	r := q.open(t, s.give(t, ingress.RADIUSAuth, q.octets))
	if r.Code() != radius.AccessAccept || !slices.Equal(r.values("Class"), []string{"c"}) {
		t.Errorf("%v %v", r.Packet, r.avps)
	}
	req := s.gate.last(t)
	if req.Account != "A" || req.Op != aaa.Authn || req.Stored || req.ID == "" || req.RepeatID != req.ID {
		t.Errorf("%+v", req)
	}
	if req.Values["User-Name"] != "bob" || req.Values["User-Password"] != "hello" || req.Values["Calling-Station-Id"] != "00-11" {
		t.Errorf("values %v", req.Values)
	}
	d := req.Device
	if d == nil || d.Protocol != aaa.ClientRADIUS || d.Owner != "A" || d.Client != "nas-a" || d.NASType != "cisco" || d.From != device.Addr() {
		t.Fatalf("%+v", d)
	}
	for _, v := range d.AVPs {
		if v.Attr.Name == "Message-Authenticator" {
			t.Error("what is of one hop alone goes on")
		}
	}
	if got := s.site.seen; !slices.Equal(got, []string{"nas-a false"}) {
		t.Errorf("seen %v", got)
	}
}

// TestOutcomes: the code of each outcome and error, or silence.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	const none = radius.Code(0)
	for _, c := range []struct {
		res        *aaa.Result
		err        error
		authn      radius.Code
		accounting radius.Code
	}{
		{res: &aaa.Result{Outcome: aaa.Accept}, authn: radius.AccessAccept, accounting: radius.AccountingResponse},
		{res: &aaa.Result{Outcome: aaa.Off}, authn: radius.AccessAccept, accounting: radius.AccountingResponse},
		{res: &aaa.Result{Outcome: aaa.Bypassed}, authn: radius.AccessAccept, accounting: radius.AccountingResponse},
		{res: &aaa.Result{Outcome: aaa.Reject}, authn: radius.AccessReject},
		{res: &aaa.Result{Outcome: aaa.Challenge, State: "c1.x"}, authn: radius.AccessChallenge},
		{res: &aaa.Result{Outcome: aaa.Stored}, accounting: radius.AccountingResponse},
		{res: &aaa.Result{Outcome: "what no version says yet"}},
		{err: &aaa.Error{Kind: aaa.KindBanned}, authn: radius.AccessReject},
		{err: &aaa.Error{Kind: aaa.KindForbidden}, authn: radius.AccessReject},
		{err: aaa.Invalid(aaa.Field{Path: "User-Name"}), authn: radius.AccessReject},
		{err: &aaa.Error{Kind: aaa.KindBusy}},
		{err: &aaa.Error{Kind: aaa.KindNoAnswer}},
		{err: &aaa.Error{Kind: aaa.KindBadReply}},
		{err: &aaa.Error{Kind: aaa.KindUnavailable}},
		{err: &aaa.Error{Kind: aaa.KindLimited}},
		{err: context.Canceled},
		{err: errors.New("what")},
	} {
		s := newSet(t)
		s.withA(aaa.Client{})
		s.gate.handle = func(context.Context, *aaa.Request) (*aaa.Result, error) { return c.res, c.err }
		for _, q := range []*sent{
			login(t, secretA),
			login(t, secretA, attr("Service-Type", "\x00\x00\x00\x11")),
			request(t, secretA, sent{code: radius.AccountingRequest, avps: []aaa.AVP{attr("Acct-Status-Type", "\x00\x00\x00\x01")}}),
		} {
			want, listener := c.authn, ingress.RADIUSAuth
			if q.code == radius.AccountingRequest {
				want, listener = c.accounting, ingress.RADIUSAcct
			}
			a := s.give(t, listener, q.octets)
			if want == none {
				s.silent(t, a, ingress.Verified, failed)
				continue
			}
			if len(a.Octets) == 0 {
				t.Errorf("%+v, %v: silence, want code %d", c.res, c.err, want)
				continue
			}
			p, err := radius.Parse(a.Octets)
			if err != nil || p.Code() != want {
				t.Errorf("%+v, %v: code %d, want %d", c.res, c.err, p.Code(), want)
			}
			if _, err := q.key.VerifyReply(p, q.code, &q.auth, true); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestOps: which request a packet becomes.
func TestOps(t *testing.T) {
	t.Parallel()
	s := newSet(t)
	s.withA(aaa.Client{})
	q := login(t, secretA, attr("Service-Type", "\x00\x00\x00\x11"))
	s.give(t, ingress.RADIUSAuth, q.octets)
	if req := s.gate.last(t); req.Op != aaa.Authz || req.Stored {
		t.Errorf("Authorize-Only: %v, stored %v", req.Op, req.Stored)
	}
	q = request(t, secretA, sent{code: radius.AccountingRequest, avps: []aaa.AVP{attr("Acct-Session-Id", "7")}})
	r := q.open(t, s.give(t, ingress.RADIUSAcct, q.octets))
	if req := s.gate.last(t); req.Op != aaa.Accounting || !req.Stored || req.RepeatID == "" || r.Code() != radius.AccountingResponse {
		t.Errorf("accounting: %v, stored %v, code %d", req.Op, req.Stored, r.Code())
	}
}

// TestListeners: each listener takes its own codes; another one is silence.
func TestListeners(t *testing.T) {
	t.Parallel()
	for l, codes := range map[ingress.Listener][]radius.Code{
		ingress.RADIUSAuth: {radius.AccessRequest, radius.StatusServer},
		ingress.RADIUSAcct: {radius.AccountingRequest, radius.StatusServer},
		ingress.RADIUSTLS:  {radius.AccessRequest, radius.AccountingRequest, radius.StatusServer, radius.CoARequest, radius.DisconnectRequest},
	} {
		for code := range 256 {
			if got, want := allowed(l, radius.Code(code)), slices.Contains(codes, radius.Code(code)); got != want {
				t.Errorf("%v: code %d: %v", l, code, got)
			}
		}
	}
	s := newSet(t)
	s.withA(aaa.Client{})
	s.silent(t, s.give(t, ingress.RADIUSAcct, login(t, secretA).octets), ingress.Refused, wrongCode)
	s.silent(t, s.give(t, ingress.RADIUSAuth, request(t, secretA, sent{code: radius.CoARequest}).octets), ingress.Refused, wrongCode)
}

// TestStrangers: an unknown address, a wrong secret and a malformed packet get silence and a counter. The log does not grow with them.
func TestStrangers(t *testing.T) {
	t.Parallel()
	s := newSet(t)
	s.silent(t, s.give(t, ingress.RADIUSAuth, login(t, secretA).octets), ingress.Unknown, unknownClient)
	s.withA(aaa.Client{})
	s.silent(t, s.give(t, ingress.RADIUSAuth, login(t, secretB).octets), ingress.Refused, badSecret)
	s.silent(t, s.give(t, ingress.RADIUSAcct, request(t, secretB, sent{code: radius.AccountingRequest}).octets), ingress.Refused, badSecret)
	s.silent(t, s.give(t, ingress.RADIUSAuth, login(t, secretA).octets[:30]), ingress.Refused, malformed)
	if want := []string{"192.0.2.7: unknown client", "192.0.2.7: wrong secret", "192.0.2.7: wrong secret"}; !slices.Equal(s.site.missed, want) {
		t.Errorf("missed %q", s.site.missed)
	}
	before := strings.Count(s.log.String(), "\n")
	broken := login(t, secretA).octets[:30]
	for range 100 {
		s.give(t, ingress.RADIUSAuth, broken)
	}
	if got := strings.Count(s.log.String(), "\n"); got != before {
		t.Errorf("%d lines of 100 packets", got-before)
	}
	s.now.Add(2)
	s.give(t, ingress.RADIUSAuth, broken)
	if got := s.log.String(); strings.Count(got, "\n") != before+1 || !strings.Contains(got, "left_out=100") {
		t.Errorf("%s", got)
	}
	if len(s.gate.asked) > 0 {
		t.Error("the service was asked")
	}
}

// TestR2Abandoned: another packet under the identifier of one in flight is processed, and the late answer to the first is not sent, be it
// before that of the second or after.
func TestR2Abandoned(t *testing.T) {
	t.Parallel()
	for _, firstFirst := range []bool{true, false} {
		s := newSet(t)
		s.withA(aaa.Client{})
		arrived := make(chan struct{})
		leave := map[any]chan struct{}{"one": make(chan struct{}), "two": make(chan struct{})}
		s.gate.handle = func(_ context.Context, req *aaa.Request) (*aaa.Result, error) {
			arrived <- struct{}{}
			<-leave[req.Values["User-Name"]]
			return &aaa.Result{Outcome: aaa.Accept}, nil
		}
		ask := func(user string) (*sent, chan ingress.Answer) {
			q := request(t, secretA, sent{id: 9, avps: []aaa.AVP{attr("User-Name", user), attr("User-Password", "x")}})
			answer := make(chan ingress.Answer, 1)
			go func() { answer <- s.give(t, ingress.RADIUSAuth, q.octets) }()
			<-arrived
			return q, answer
		}
		_, first := ask("one")
		q, second := ask("two")
		if firstFirst {
			close(leave["one"])
			s.silent(t, <-first, ingress.Verified, abandoned)
		}
		close(leave["two"])
		if r := q.open(t, <-second); r.Code() != radius.AccessAccept {
			t.Error(r.Packet)
		}
		if !firstFirst {
			close(leave["one"])
			s.silent(t, <-first, ingress.Verified, abandoned)
		}
		if n := s.inFlight(); n != 0 {
			t.Errorf("%d packets in flight", n)
		}
	}
}

func (s *set) inFlight() (n int) {
	for i := range s.flights.shards {
		n += len(s.flights.shards[i].of)
	}
	return n
}

// TestR1Repeated: the octets of a packet in flight make no second request. The request is told, if the front says so.
func TestR1Repeated(t *testing.T) {
	t.Parallel()
	s := newSet(t)
	s.withA(aaa.Client{})
	arrived, leave := make(chan struct{}), make(chan struct{})
	s.gate.handle = func(context.Context, *aaa.Request) (*aaa.Result, error) {
		close(arrived)
		<-leave
		return &aaa.Result{Outcome: aaa.Accept}, nil
	}
	q := login(t, secretA)
	again := func(octets []byte, from string) {
		s.Again(from, &ingress.Packet{Listener: ingress.RADIUSAuth, From: device, To: service, Octets: octets})
	}
	again(q.octets, front) // of a request that does not run yet
	answer := make(chan ingress.Answer)
	go func() { answer <- s.give(t, ingress.RADIUSAuth, append(bytes.Clone(q.octets), 0, 0)) }()
	<-arrived
	s.silent(t, s.give(t, ingress.RADIUSAuth, q.octets), ingress.Verified, repeated)
	again(append(bytes.Clone(q.octets), "padding"...), front)
	again(q.octets, "front-2")             // which has its own packets
	again(login(t, secretA).octets, front) // another one
	again(q.octets[:12], front)            // no packet
	if len(s.gate.repeats) != 1 || s.gate.repeats[0] != "A "+s.gate.asked[0].RepeatID {
		t.Errorf("repeats %q of %q", s.gate.repeats, s.gate.asked[0].RepeatID)
	}
	close(leave)
	q.open(t, <-answer)
	if len(s.gate.asked) != 1 {
		t.Errorf("%d requests", len(s.gate.asked))
	}
}

// TestR3Lenient: attributes of one type apart, unknown attributes, and octets behind the packet's length are no fault.
func TestR3Lenient(t *testing.T) {
	t.Parallel()
	s := newSet(t)
	s.withA(aaa.Client{})
	key := radius.NewKey([]byte(secretA))
	auth := radius.Authenticator{1, 2, 3}
	b := radius.AppendHeader(nil, radius.AccessRequest, 3, &auth)
	b = radius.AppendAttribute(b, radius.AttrUserName, []byte("bob")...)
	b = radius.AppendAttribute(b, radius.AttrProxyState, 'a')
	b = radius.AppendAttribute(b, 223, 1, 2, 3)
	b = radius.AppendMAC(b)
	b = radius.AppendAttribute(b, radius.AttrProxyState, 'b')
	b = radius.AppendVendor(b, 4242, 7, 'x')
	b = radius.AppendAttribute(b, 223, 4)
	b = radius.AppendAttribute(b, radius.AttrProxyState, 'a')
	key.SignRequest(b)
	q := &sent{code: radius.AccessRequest, id: 3, auth: auth, key: key}
	r := q.open(t, s.give(t, ingress.RADIUSAuth, append(b, 0, 0, 0, 7)))
	if got := r.values("Proxy-State"); !slices.Equal(got, []string{"a", "b", "a"}) {
		t.Errorf("Proxy-State %q", got)
	}
	if n, _, ok := first(r.Packet); !ok || n != radius.AttrMessageAuthenticator {
		t.Errorf("attribute %d is first", n)
	}
	var names []string
	for _, v := range s.gate.last(t).Device.AVPs {
		names = append(names, fmt.Sprintf("%s=%x", v.Attr.Name, v.Value))
	}
	if want := []string{"User-Name=626f62", "Attr-223=010203", "Attr-26.4242.7=78", "Attr-223=04"}; !slices.Equal(names, want) {
		t.Errorf("AVPs %q", names)
	}
}

// first is the first attribute of a packet.
func first(p radius.Packet) (number byte, value []byte, ok bool) {
	for n, v := range p.Attributes() {
		return n, v, true
	}
	return 0, nil, false
}

// TestR4EAP: an EAP-Message without a Message-Authenticator, or beside a wrong one, is silence though the client asks for none.
func TestR4EAP(t *testing.T) {
	t.Parallel()
	s := newSet(t)
	s.withA(aaa.Client{RequireMessageAuthenticator: aaa.MACOff})
	eap := attr("EAP-Message", "\x02\x05\x00\x08\x01bob")
	s.silent(t, s.give(t, ingress.RADIUSAuth, login(t, secretB, eap).octets), ingress.Refused, badSecret)
	q := request(t, secretA, sent{noMAC: true, avps: []aaa.AVP{attr("User-Name", "bob"), eap}})
	s.silent(t, s.give(t, ingress.RADIUSAuth, q.octets), ingress.Refused, noMAC)
	if len(s.gate.asked) > 0 {
		t.Fatal("the service was asked")
	}
	q = login(t, secretA, eap)
	if r := q.open(t, s.give(t, ingress.RADIUSAuth, q.octets)); !slices.Equal(r.values("EAP-Message"), []string{"\x03\x05\x00\x04"}) {
		t.Errorf("an accept without a server ends EAP with %q", r.values("EAP-Message"))
	}
	s.gate.handle = answers(aaa.Reject)
	if r := q.open(t, s.give(t, ingress.RADIUSAuth, q.octets)); !slices.Equal(r.values("EAP-Message"), []string{"\x04\x05\x00\x04"}) {
		t.Errorf("a reject without a server ends EAP with %q", r.values("EAP-Message"))
	}
	s.gate.handle = answers(aaa.Accept, attr("EAP-Message", "\x03\x06\x00\x04"))
	if r := q.open(t, s.give(t, ingress.RADIUSAuth, q.octets)); !slices.Equal(r.values("EAP-Message"), []string{"\x03\x06\x00\x04"}) {
		t.Errorf("the server's own end became %q", r.values("EAP-Message"))
	}
}

// TestRequired: what require_message_authenticator takes and refuses.
func TestRequired(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string][2]bool{ // without, and with a Proxy-State
		"": {}, aaa.MACRequired: {}, aaa.MACWithProxyState: {true, false}, aaa.MACOff: {true, true},
	} {
		s := newSet(t)
		s.withA(aaa.Client{RequireMessageAuthenticator: setting})
		for i, avps := range [][]aaa.AVP{{}, {attr("Proxy-State", "p")}} {
			q := request(t, secretA, sent{noMAC: true, avps: append(avps, attr("User-Name", "bob"), attr("User-Password", "x"))})
			a := s.give(t, ingress.RADIUSAuth, q.octets)
			if !want[i] {
				s.silent(t, a, ingress.Refused, noMAC)
				continue
			}
			q.open(t, a) // which has a Message-Authenticator
		}
	}
}

// TestR7StatusServer: answered by its port if its Message-Authenticator is right, at a bounded rate, and never forwarded.
func TestR7StatusServer(t *testing.T) {
	t.Parallel()
	for l, code := range map[ingress.Listener]radius.Code{ingress.RADIUSAuth: radius.AccessAccept, ingress.RADIUSAcct: radius.AccountingResponse} {
		s := newSet(t)
		s.withA(aaa.Client{RequireMessageAuthenticator: aaa.MACOff})
		q := request(t, secretA, sent{code: radius.StatusServer, id: 4, avps: []aaa.AVP{attr("Proxy-State", "p")}})
		r := q.open(t, s.give(t, l, q.octets))
		if r.Code() != code || !slices.Equal(r.values("Proxy-State"), []string{"p"}) {
			t.Errorf("%v: code %d", l, r.Code())
		}
		s.silent(t, s.give(t, l, request(t, secretA, sent{code: radius.StatusServer, noMAC: true}).octets), ingress.Refused, noMAC)
		s.silent(t, s.give(t, l, request(t, secretB, sent{code: radius.StatusServer}).octets), ingress.Refused, badSecret)
		for range statusBurst {
			s.give(t, l, q.octets)
		}
		s.silent(t, s.give(t, l, q.octets), ingress.Verified, limited)
		s.now.Add(1)
		q.open(t, s.give(t, l, q.octets))
		if len(s.gate.asked) > 0 {
			t.Error("it was forwarded")
		}
	}
}

// TestR8Account: the client alone decides whose request it is, whatever the packet says.
func TestR8Account(t *testing.T) {
	t.Parallel()
	s := newSet(t)
	s.withA(aaa.Client{})
	s.site.add("B", "nas-b", "198.51.100.0/24", aaa.Client{Secret: aaa.NewSecret(secretB)})
	var q *sent
	for _, more := range [][]aaa.AVP{nil, {attr("NAS-IP-Address", "\xc0\x00\x02\x07"), attr("NAS-Identifier", "nas-a")}} {
		q = login(t, secretB, more...)
		from := ingress.Packet{Listener: ingress.RADIUSAuth, From: netip.MustParseAddrPort("[::ffff:198.51.100.9]:1000"), Octets: bytes.Clone(q.octets)}
		a, err := s.Packet(t.Context(), front, &from)
		if err != nil {
			t.Fatal(err)
		}
		q.open(t, a)
		if req := s.gate.last(t); req.Account != "B" || req.Device.Owner != "B" || req.Device.From.String() != "198.51.100.9" {
			t.Errorf("%s %+v", req.Account, req.Device)
		}
	}
	s.site.accounts = func(c *clients.Client, user string) (aaa.AccountID, error) {
		if user == "bob" {
			return "below " + c.Account, nil
		}
		return "", &aaa.Error{Kind: aaa.KindUnavailable}
	}
	q = login(t, secretA)
	q.open(t, s.give(t, ingress.RADIUSAuth, q.octets))
	if req := s.gate.last(t); req.Account != "below A" || req.Device.Owner != "A" {
		t.Errorf("%s of %s", req.Account, req.Device.Owner)
	}
	q = request(t, secretA, sent{avps: []aaa.AVP{attr("User-Name", "eve@nowhere")}})
	s.silent(t, s.give(t, ingress.RADIUSAuth, q.octets), ingress.Verified, noAccount)
}
