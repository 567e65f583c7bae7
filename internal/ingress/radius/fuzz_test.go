package radius

import (
	"bytes"
	"context"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/ingress"
	"aaa-api/internal/radius"
)

// FuzzPacket gives octets to each listener: as a stranger's, then signed by a client. What proves nothing is silence and a counter; every
// answer verifies.
func FuzzPacket(f *testing.F) {
	for _, q := range []*sent{
		login(f, secretA, attr("EAP-Message", "\x02\x05\x00\x08\x01bob"), attr("State", "0123456789abcdef"), attr("Proxy-State", "p")),
		login(f, secretB, attr("CHAP-Password", string(make([]byte, 17))), attr("Tunnel-Password", "x"), attr("MS-MPPE-Send-Key", "y")),
		request(f, secretA, sent{code: radius.AccountingRequest, avps: []aaa.AVP{attr("Acct-Session-Id", "7")}}),
		request(f, secretA, sent{code: radius.StatusServer}), request(f, secretA, sent{code: radius.CoARequest}),
		request(f, secretA, sent{noMAC: true, avps: []aaa.AVP{attr("Proxy-State", string(NewProxyState([32]byte{1})))}}),
	} {
		f.Add(q.octets)
	}
	s := newSet(f)
	s.withA(aaa.Client{RequireMessageAuthenticator: aaa.MACOff})
	s.site.add("B", "tls", "203.0.113.0/24", aaa.Client{Certificate: aaa.ClientCertificate{SAN: "b"}})
	s.gate.handle = func(_ context.Context, req *aaa.Request) (*aaa.Result, error) {
		s.gate.asked = nil
		if req.Op != aaa.Accounting && len(req.Values)%3 == 0 {
			return &aaa.Result{Outcome: aaa.Challenge, State: "c1.x"}, nil
		}
		return answers(aaa.Accept, req.Device.AVPs...)(context.Background(), req) // all of it back, whatever it is
	}
	total := func() (n uint64) {
		for i := range s.tally.counts {
			n += s.tally.counts[i].Load()
		}
		return n
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s.now.Add(1) // so that no Status-Server is one too many
		s.site.seen, s.site.missed = nil, nil
		s.log.Reset()
		for l := range ingress.TACACS {
			for _, v11 := range []bool{false, l == ingress.RADIUSTLS} {
				for _, secret := range []string{"", secretA, radius.TLSSecret} {
					octets, key := bytes.Clone(b), radius.NewKey([]byte(secret))
					if p, err := radius.Parse(octets); err == nil && secret != "" {
						octets = p.Octets()
						key.SignRequest(octets)
					}
					given := ingress.Packet{Listener: l, From: device, Octets: bytes.Clone(octets), V11: v11}
					if l == ingress.RADIUSTLS {
						given.Peer = &ingress.Peer{SANs: []string{"b"}}
					}
					before := total()
					s.Again(front, &given)
					a, err := s.Packet(context.Background(), front, &given)
					if err != nil || a.Close {
						t.Fatal(a, err)
					}
					if total() == before {
						t.Fatal("nothing was counted")
					}
					if len(a.Octets) == 0 {
						continue
					}
					asked, err := radius.Parse(octets)
					reply, err2 := radius.Parse(a.Octets)
					if v11 {
						if reply, err = radius.Parse11(a.Octets); err != nil || reply.Token() != radius.Token(be32(octets[4:])) {
							t.Fatalf("%v", err)
						}
						continue
					}
					if err != nil || err2 != nil {
						t.Fatal(err, err2)
					}
					auth := asked.Authenticator()
					if l == ingress.RADIUSTLS {
						key = radsecKey
					} else {
						key = radius.NewKey([]byte(secretA))
					}
					if _, err := key.VerifyReply(reply, asked.Code(), &auth, true); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		if s.inFlight() != 0 {
			t.Fatal("a packet is left in flight")
		}
	})
}

func be32(b []byte) uint32 {
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}
