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
	"aaa-api/internal/radius/avp"
)

// challenged is a service that challenges a login, and accepts the answer that brings the State back.
func challenged(_ context.Context, req *aaa.Request) (*aaa.Result, error) {
	if req.Values[stateKey] == "c1.first" {
		return &aaa.Result{Outcome: aaa.Challenge, State: "c1.second"}, nil
	}
	if req.Values[stateKey] == "c1.second" {
		return &aaa.Result{Outcome: aaa.Accept}, nil
	}
	return &aaa.Result{Outcome: aaa.Challenge, State: "c1.first", Reply: &aaa.DeviceReply{AVPs: []aaa.AVP{
		attr("State", "the server's own"), attr("Reply-Message", "code?"),
	}}}, nil
}

// TestR11State: a State goes out in place of the server's, comes back once, and is of the client that got it.
func TestR11State(t *testing.T) {
	t.Parallel()
	s := newSet(t)
	s.withA(aaa.Client{})
	s.site.add("A", "other", "198.51.100.0/24", aaa.Client{Secret: aaa.NewSecret(secretB)})
	s.gate.handle = challenged
	step := func(state string, code radius.Code) (next string) {
		t.Helper()
		var more []aaa.AVP
		if state != "" {
			more = append(more, attr("State", state))
		}
		q := login(t, secretA, more...)
		r := q.open(t, s.give(t, ingress.RADIUSAuth, q.octets))
		if r.Code() != code {
			t.Fatalf("code %d, want %d", r.Code(), code)
		}
		states := r.values("State")
		if code != radius.AccessChallenge {
			if len(states) > 0 {
				t.Errorf("State %q", states)
			}
			return ""
		}
		if len(states) != 1 || len(states[0]) < 16 || strings.Contains(states[0], "c1.") {
			t.Fatalf("State %q", states)
		}
		return states[0]
	}
	first := step("", radius.AccessChallenge)
	asked := len(s.gate.asked)
	other := login(t, secretB, attr("State", first))
	a, err := s.Packet(t.Context(), front, &ingress.Packet{Listener: ingress.RADIUSAuth, From: netip.MustParseAddrPort("198.51.100.9:1000"), Octets: bytes.Clone(other.octets)})
	if err != nil {
		t.Fatal(err)
	}
	if r := other.open(t, a); r.Code() != radius.AccessReject || len(s.gate.asked) != asked {
		t.Errorf("another client's State: code %d", r.Code())
	}
	second := step(first, radius.AccessChallenge)
	step(first, radius.AccessReject) // answered
	step(second, radius.AccessAccept)
	step(second, radius.AccessReject) // finished
	step("made up", radius.AccessReject)
	step("0123456789abcdef", radius.AccessReject)
	for _, v := range s.gate.last(t).Device.AVPs {
		if v.Attr.Name == "State" {
			t.Error("State is among the AVPs")
		}
	}
	s.site.accounts = func(*clients.Client, string) (aaa.AccountID, error) { return "of another realm", nil }
	moved := step("", radius.AccessChallenge)
	s.site.accounts = nil
	step(moved, radius.AccessReject)
	s.now.Add(int64(stateExpiry.Seconds()))
	old := step("", radius.AccessChallenge)
	s.now.Add(int64(stateExpiry.Seconds()))
	step(old, radius.AccessReject)
	if n := s.states.total.Load(); n != 1 { // the expired one, until its client gets another
		t.Errorf("%d States", n)
	}
	step("", radius.AccessChallenge)
	if n := s.states.total.Load(); n != 1 {
		t.Errorf("%d States", n)
	}
}

// TestStateOutlivesSilence: a challenge whose answer was not answered can be answered again.
func TestStateOutlivesSilence(t *testing.T) {
	t.Parallel()
	s := newSet(t)
	s.withA(aaa.Client{})
	s.gate.handle = challenged
	q := login(t, secretA)
	state := q.open(t, s.give(t, ingress.RADIUSAuth, q.octets)).values("State")[0]
	s.gate.handle = func(context.Context, *aaa.Request) (*aaa.Result, error) {
		return nil, &aaa.Error{Kind: aaa.KindNoAnswer}
	}
	s.silent(t, s.give(t, ingress.RADIUSAuth, login(t, secretA, attr("State", state)).octets), ingress.Verified, failed)
	s.gate.handle = challenged
	q = login(t, secretA, attr("State", state))
	if r := q.open(t, s.give(t, ingress.RADIUSAuth, q.octets)); r.Code() != radius.AccessChallenge {
		t.Errorf("code %d", r.Code())
	}
}

// TestStateInFlight: while an answer to a challenge is on its way, no other one is: a device that guesses has one attempt. A packet that takes
// the place of the one in flight takes over its State.
func TestStateInFlight(t *testing.T) {
	t.Parallel()
	s := newSet(t)
	s.withA(aaa.Client{})
	s.gate.handle = challenged
	q := login(t, secretA)
	state := q.open(t, s.give(t, ingress.RADIUSAuth, q.octets)).values("State")[0]
	asked, release := make(chan struct{}), make(chan struct{})
	s.gate.handle = func(ctx context.Context, req *aaa.Request) (*aaa.Result, error) {
		asked <- struct{}{}
		<-release
		return challenged(ctx, req)
	}
	guess := func(id byte) (q *sent, answer chan ingress.Answer) {
		q = request(t, secretA, sent{code: radius.AccessRequest, id: id, avps: []aaa.AVP{attr("User-Name", "alice"), attr("State", state)}})
		answer = make(chan ingress.Answer, 1)
		go func() {
			a, _ := s.Packet(context.Background(), front, &ingress.Packet{Listener: ingress.RADIUSAuth, From: device, To: service, Octets: bytes.Clone(q.octets)})
			answer <- a
		}()
		return q, answer
	}
	_, given := guess(1)
	<-asked
	_, other := guess(2)
	s.silent(t, <-other, ingress.Verified, usedState)
	again, answer := guess(1)
	<-asked
	close(release)
	s.silent(t, <-given, ingress.Verified, abandoned)
	if r := again.open(t, <-answer); r.Code() != radius.AccessChallenge {
		t.Errorf("code %d", r.Code())
	}
	q = login(t, secretA, attr("State", state))
	if r := q.open(t, s.give(t, ingress.RADIUSAuth, q.octets)); r.Code() != radius.AccessReject {
		t.Errorf("code %d", r.Code())
	}
}

// TestStatesAreBounded: a client that is challenged without end loses its own oldest States, not those of others.
func TestStatesAreBounded(t *testing.T) {
	t.Parallel()
	s := newSet(t)
	now := s.Now()
	few := owner{"A", "few"}
	mine := s.states.add(few, "A", "mine", now)
	busy := owner{"B", "busy"}
	first := s.states.add(busy, "B", "first", now)
	for range clientStates {
		s.states.add(busy, "B", "x", now)
	}
	if _, why := s.states.take(busy, "B", first[:], "r", "", now); why != staleState {
		t.Error("more than its share")
	}
	for i := range 100 {
		for range clientStates / 2 {
			s.states.add(owner{"C", fmt.Sprint(i)}, "C", "x", now)
		}
	}
	if n := s.states.total.Load(); n > allStates {
		t.Errorf("%d States", n)
	}
	if text, why := s.states.take(few, "A", mine[:], "r", "", now); why != served || text != "mine" {
		t.Error("another client's State went")
	}
	late := now.Add(stateExpiry)
	for i := range 1000 { // of many shards, which forget what is too old
		s.states.add(owner{"D", fmt.Sprint(i)}, "D", "x", late)
	}
	if n := s.states.total.Load(); n != 1000 {
		t.Errorf("%d States", n)
	}
}

// TestR10Keys: keys of sessions go on under the client's secret, under salts that differ and have the top bit set.
func TestR10Keys(t *testing.T) {
	t.Parallel()
	for _, n := range []int{32, 64} {
		s := newSet(t)
		s.withA(aaa.Client{})
		send, receive := strings.Repeat("s", n-1)+"\x00", strings.Repeat("r", n)
		s.gate.handle = answers(aaa.Accept, attr("MS-MPPE-Send-Key", send), attr("MS-MPPE-Recv-Key", receive), attr("Tunnel-Password", "t"))
		q := login(t, secretA)
		for range 50 {
			a := s.give(t, ingress.RADIUSAuth, q.octets)
			r := q.open(t, a)
			for name, want := range map[string]string{"MS-MPPE-Send-Key": send, "MS-MPPE-Recv-Key": receive, "Tunnel-Password": "t"} {
				if got := r.values(name); !slices.Equal(got, []string{want}) {
					t.Fatalf("%s of %d octets: %q", name, n, got)
				}
			}
			p, err := radius.Parse(a.Octets)
			if err != nil {
				t.Fatal(err)
			}
			salts := map[string]bool{}
			for number, v := range p.Attributes() {
				var salt []byte
				switch number {
				case radius.AttrVendorSpecific:
					salt = v[6:8]
				case 69:
					salt = v[1:3]
				default:
					continue
				}
				if salt[0]&0x80 == 0 || salts[string(salt)] {
					t.Errorf("salt %x", salt)
				}
				salts[string(salt)] = true
			}
			if len(salts) != 3 {
				t.Errorf("%d salts", len(salts))
			}
		}
	}
}

// TestR12Secrets: which secret opens a password is said by the Message-Authenticator, not by what the password looks like.
func TestR12Secrets(t *testing.T) {
	t.Parallel()
	const password = "\xff\x00\xfe\x80\x81"
	s := newSet(t)
	s.site.add("A", "nat-1", "192.0.2.0/24", aaa.Client{Secret: aaa.NewSecret("one"), PreviousSecret: aaa.NewSecret("one before")})
	s.site.add("B", "nat-2", "192.0.2.0/24", aaa.Client{Secret: aaa.NewSecret("two"), PreviousSecret: aaa.NewSecret("two before"), RequireMessageAuthenticator: aaa.MACOff})
	for secret, want := range map[string]string{"one": "A false", "one before": "A true", "two": "B false", "two before": "B true"} {
		q := request(t, secret, sent{avps: []aaa.AVP{attr("User-Name", "bob"), attr("User-Password", password)}})
		q.open(t, s.give(t, ingress.RADIUSAuth, q.octets))
		req := s.gate.last(t)
		seen := strings.Fields(s.site.seen[len(s.site.seen)-1])
		if got := string(req.Account) + " " + seen[1]; got != want || req.Values["User-Password"] != password {
			t.Errorf("%s: %s, password %q", secret, got, req.Values["User-Password"])
		}
		q = request(t, secret, sent{code: radius.AccountingRequest, avps: []aaa.AVP{attr("User-Name", "bob")}})
		q.open(t, s.give(t, ingress.RADIUSAcct, q.octets))
		if got := string(s.gate.last(t).Account); got != want[:1] {
			t.Errorf("%s: a record of %s", secret, got)
		}
	}
	q := request(t, "two", sent{noMAC: true, avps: []aaa.AVP{attr("User-Name", "bob"), attr("User-Password", password)}})
	s.silent(t, s.give(t, ingress.RADIUSAuth, q.octets), ingress.Refused, ambiguous)
	if s.site.opened != 2 {
		t.Errorf("secrets were opened %d times", s.site.opened)
	}
}

// TestSecretsAway: a packet of a client whose secret can't be had is not one of a wrong secret.
func TestSecretsAway(t *testing.T) {
	t.Parallel()
	s := newSet(t)
	away := s.withA(aaa.Client{})
	delete(s.site.secrets, away)
	q := login(t, secretA)
	give := func() (ingress.Answer, error) {
		return s.Packet(t.Context(), front, &ingress.Packet{Listener: ingress.RADIUSAuth, From: device, Octets: bytes.Clone(q.octets)})
	}
	if a, err := give(); !errors.Is(err, errAway) || len(a.Octets) > 0 || a.Verdict == ingress.Verified || len(s.site.missed) > 0 {
		t.Errorf("%+v %v, missed %q", a, err, s.site.missed)
	}
	s.withA(aaa.Client{}) // has the secret as well
	if a, err := give(); err != nil || a.Verdict != ingress.Verified {
		t.Errorf("%+v %v", a, err)
	}
	none := newSet(t)
	none.site.add("A", "empty", "192.0.2.0/24", aaa.Client{})
	none.silent(t, none.give(t, ingress.RADIUSAuth, login(t, "").octets), ingress.Refused, badSecret)
}

// TestCHAP: a CHAP login without a challenge was made over the packet's authenticator, which goes on as the challenge.
func TestCHAP(t *testing.T) {
	t.Parallel()
	s := newSet(t)
	s.withA(aaa.Client{})
	chap := attr("CHAP-Password", string(radius.CHAP(1, []byte("hello"), make([]byte, 16))))
	challenge := func(more ...aaa.AVP) (all []string) {
		q := request(t, secretA, sent{auth: radius.Authenticator{5, 6, 7}, avps: append(more, attr("User-Name", "bob"))})
		q.open(t, s.give(t, ingress.RADIUSAuth, q.octets))
		req := s.gate.last(t)
		for _, v := range req.Device.AVPs {
			if v.Attr.Name == "CHAP-Challenge" {
				all = append(all, string(v.Value))
			}
		}
		if len(all) > 0 && req.Values["CHAP-Challenge"] != all[0] {
			t.Errorf("values %v", req.Values)
		}
		return all
	}
	if got := challenge(chap); len(got) != 1 || got[0] != "\x05\x06\x07"+strings.Repeat("\x00", 13) {
		t.Errorf("%q", got)
	}
	if got := challenge(chap, attr("CHAP-Challenge", "own")); !slices.Equal(got, []string{"own"}) {
		t.Errorf("%q", got)
	}
	if got := challenge(); got != nil {
		t.Errorf("%q", got)
	}
}

// TestLoop: a request that went out of a node and comes back in is refused, at each node, and only with the service's own mark.
func TestLoop(t *testing.T) {
	t.Parallel()
	s := newSet(t)
	s.withA(aaa.Client{})
	own := string(NewProxyState([32]byte{1}))
	if strings.HasPrefix(own, string(NewProxyState([32]byte{1}))) {
		t.Error("two processes have one mark")
	}
	q := login(t, secretA, attr("Proxy-State", "x"), attr("Proxy-State", own))
	s.silent(t, s.give(t, ingress.RADIUSAuth, q.octets), ingress.Refused, loop)
	q = request(t, secretA, sent{code: radius.AccountingRequest, avps: []aaa.AVP{attr("Proxy-State", own)}})
	s.silent(t, s.give(t, ingress.RADIUSAcct, q.octets), ingress.Refused, loop)
	forged := []byte(own)
	forged[len(forged)-1] ^= 1
	for _, other := range []string{string(NewProxyState([32]byte{2})), string(forged), own[:len(own)-1], own + "x"} {
		q = login(t, secretA, attr("Proxy-State", other))
		if got := q.open(t, s.give(t, ingress.RADIUSAuth, q.octets)).values("Proxy-State"); !slices.Equal(got, []string{other}) {
			t.Errorf("%q", got)
		}
	}
}

// TestTooLong: a reply that no packet can hold is not cut: there is none. What can't be encoded is left out.
func TestTooLong(t *testing.T) {
	t.Parallel()
	s := newSet(t)
	s.withA(aaa.Client{})
	full := strings.Repeat("m", radius.MaxValue)
	avps := slices.Repeat([]aaa.AVP{attr("Reply-Message", full)}, 15) // 15*255 + 20 + 18 = 3863
	s.gate.handle = answers(aaa.Accept, avps...)
	q := login(t, secretA, attr("Proxy-State", strings.Repeat("p", 231)))
	r := q.open(t, s.give(t, ingress.RADIUSAuth, q.octets))
	if n := len(r.Octets()); n != radius.MaxPacket {
		t.Errorf("%d octets", n)
	}
	q = login(t, secretA, attr("Proxy-State", strings.Repeat("p", 232)))
	s.silent(t, s.give(t, ingress.RADIUSAuth, q.octets), ingress.Verified, tooLong)
	if !strings.Contains(s.log.String(), "4096") {
		t.Errorf("%s", s.log)
	}
	s.gate.handle = answers(aaa.Accept, slices.Repeat(avps, 100)...)
	s.silent(t, s.give(t, ingress.RADIUSAuth, login(t, secretA).octets), ingress.Verified, tooLong)
	s.gate.handle = answers(aaa.Accept, attr("Framed-IP-Address", "four and more"), attr("Class", "c"))
	q = login(t, secretA)
	if r := q.open(t, s.give(t, ingress.RADIUSAuth, q.octets)); !slices.Equal(r.values("Class"), []string{"c"}) || len(r.values("Framed-IP-Address")) > 0 {
		t.Errorf("%v", r.avps)
	}
	if s.tally.counts[unfit].Load() != 1 || !strings.Contains(s.log.String(), "Framed-IP-Address") {
		t.Errorf("%v %s", s.counted(), s.log)
	}
}

// TestTLS: a certificate names the client, and the secret is radsec unless the client has one. A Message-Authenticator is not needed there
// unless the client asks for one.
func TestTLS(t *testing.T) {
	t.Parallel()
	s := newSet(t)
	s.site.add("A", "plain", "203.0.113.0/24", aaa.Client{Certificate: aaa.ClientCertificate{SAN: "plain.example"}})
	s.site.add("B", "own", "203.0.113.0/24", aaa.Client{Certificate: aaa.ClientCertificate{SAN: "own.example"}, Secret: aaa.NewSecret(secretB), RequireMessageAuthenticator: aaa.MACRequired})
	give := func(san string, octets []byte) ingress.Answer {
		p := &ingress.Packet{Listener: ingress.RADIUSTLS, Conn: 3, From: device, Octets: bytes.Clone(octets)}
		if san != "" {
			p.Peer = &ingress.Peer{SANs: []string{san}}
		}
		a, err := s.Packet(t.Context(), front, p)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	bare := []aaa.AVP{attr("User-Name", "bob"), attr("User-Password", "hello")}
	for _, q := range []*sent{
		login(t, "radsec"), request(t, "radsec", sent{noMAC: true, avps: bare}),
		request(t, "radsec", sent{code: radius.AccountingRequest}), request(t, "radsec", sent{code: radius.StatusServer}),
	} {
		q.open(t, give("plain.example", q.octets))
	}
	q := login(t, secretB)
	q.open(t, give("own.example", q.octets))
	s.silent(t, give("own.example", login(t, "radsec").octets), ingress.Refused, badSecret)
	s.silent(t, give("own.example", request(t, secretB, sent{noMAC: true, avps: bare}).octets), ingress.Refused, noMAC)
	s.silent(t, give("other.example", q.octets), ingress.Unknown, unknownClient)
	s.silent(t, give("", q.octets), ingress.Unknown, unknownClient)
	for code, nak := range map[radius.Code]radius.Code{radius.CoARequest: radius.CoANAK, radius.DisconnectRequest: radius.DisconnectNAK} {
		q := request(t, "radsec", sent{code: code, id: 5, avps: []aaa.AVP{attr("Proxy-State", "p")}})
		r := q.open(t, give("plain.example", q.octets))
		if r.Code() != nak || r.ErrorCause() != 406 || !slices.Equal(r.values("Proxy-State"), []string{"p"}) {
			t.Errorf("code %d, cause %d", r.Code(), r.ErrorCause())
		}
	}
}

// TestV11: a packet of RADIUS/1.1 hides nothing, and its reply has its token and no signature.
func TestV11(t *testing.T) {
	t.Parallel()
	s := newSet(t)
	s.site.add("A", "plain", "203.0.113.0/24", aaa.Client{Certificate: aaa.ClientCertificate{SAN: "plain.example"}, Secret: aaa.NewSecret(secretA)})
	s.gate.handle = answers(aaa.Accept, attr("MS-MPPE-Send-Key", "key in the clear"))
	give := func(code radius.Code, token radius.Token, avps ...aaa.AVP) radius.Packet {
		var e avp.Encoder
		e.Begin11(code, system())
		for _, v := range avps {
			if err := e.Add(v); err != nil {
				t.Fatal(err)
			}
		}
		radius.Finish11(e.Packet, token)
		a, err := s.Packet(t.Context(), front, &ingress.Packet{
			Listener: ingress.RADIUSTLS, Conn: 3, From: device, V11: true, Peer: &ingress.Peer{SANs: []string{"plain.example"}}, Octets: e.Packet,
		})
		if err != nil {
			t.Fatal(err)
		}
		p, err := radius.Parse11(a.Octets)
		if err != nil || p.Token() != token || a.Verdict != ingress.Verified {
			t.Fatalf("%v, token %d, verdict %d", err, p.Token(), a.Verdict)
		}
		return p
	}
	p := give(radius.AccessRequest, 0x01020304, attr("User-Name", "bob"), attr("User-Password", "hello"), attr("CHAP-Password", "x"), attr("Proxy-State", "p"))
	if p.Code() != radius.AccessAccept || !bytes.Contains(p.Octets(), []byte("key in the clear")) {
		t.Errorf("%v", p)
	}
	if v, _ := p.Value(radius.AttrProxyState); string(v) != "p" {
		t.Errorf("Proxy-State %q", v)
	}
	if _, has := p.Value(radius.AttrMessageAuthenticator); has {
		t.Error("a Message-Authenticator")
	}
	req := s.gate.last(t)
	if req.Values["User-Password"] != "hello" || req.Values["CHAP-Challenge"] != nil {
		t.Errorf("%v", req.Values)
	}
	if p := give(radius.StatusServer, 7); p.Code() != radius.AccessAccept {
		t.Errorf("%v", p)
	}
	if p := give(radius.AccountingRequest, 8); p.Code() != radius.AccountingResponse {
		t.Errorf("%v", p)
	}
	if p := give(radius.CoARequest, 9); p.Code() != radius.CoANAK || p.ErrorCause() != 406 {
		t.Errorf("%v", p)
	}
}

// TestNoSecretsInLogs: neither a secret nor a password is written, whatever goes wrong.
func TestNoSecretsInLogs(t *testing.T) {
	t.Parallel()
	s := newSet(t)
	s.withA(aaa.Client{})
	s.gate.handle = func(context.Context, *aaa.Request) (*aaa.Result, error) {
		return nil, aaa.Invalid(aaa.Field{Path: "User-Password", Message: "is not right"})
	}
	q := login(t, secretA)
	r := q.open(t, s.give(t, ingress.RADIUSAuth, q.octets))
	if got := r.values("Reply-Message"); !slices.Equal(got, []string{unusable}) {
		t.Errorf("%q", got)
	}
	q = login(t, secretA, attr("EAP-Message", "\x02\x05\x00\x08\x01bob"))
	if r = q.open(t, s.give(t, ingress.RADIUSAuth, q.octets)); len(r.values("Reply-Message")) > 0 || len(r.values("EAP-Message")) != 1 {
		t.Errorf("beside EAP: %v", r.avps)
	}
	s.give(t, ingress.RADIUSAuth, login(t, secretB).octets)
	log := s.log.String()
	if !strings.Contains(log, "is not right") || strings.Contains(log, "hello") || strings.Contains(log, "secret of") {
		t.Errorf("%s", log)
	}
}
