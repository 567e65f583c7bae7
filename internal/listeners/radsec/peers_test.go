package radsec

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	engine "aaa-api/internal/engines/radius"
	"aaa-api/internal/ingress"
	"aaa-api/internal/listeners"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp"
	"aaa-api/internal/radius/avp/avptest"
)

// judge answers as a server for devices does that knows the secret "radsec": alice's password, with a hidden value in the reply.
func judge(d *avptest.Dictionary) func(context.Context, *ingress.Packet) (ingress.Answer, error) {
	key := radius.NewKey([]byte(radius.TLSSecret))
	return func(_ context.Context, p *ingress.Packet) (ingress.Answer, error) {
		parse := radius.Parse
		if p.V11 {
			parse = radius.Parse11
		}
		q, err := parse(p.Octets)
		if err != nil {
			return ingress.Answer{Verdict: ingress.Refused}, nil //nolint:nilerr // the answer says it
		}
		auth := q.Authenticator()
		if !p.V11 {
			if _, err := key.VerifyRequest(q, true); err != nil {
				return ingress.Answer{Verdict: ingress.Refused}, nil //nolint:nilerr // the answer says it
			}
		}
		code := radius.AccessReject
		switch q.Code() {
		case radius.AccountingRequest:
			code = radius.AccountingResponse
		case radius.StatusServer:
			code = radius.AccessAccept
		}
		var states [][]byte
		x := avp.Decoder{Dict: d, Plain: p.V11, Cipher: radius.Cipher{Key: key, Request: &auth}}
		for _, v := range x.Decode(q.Clone()) {
			switch avp.Standard(v.Attr) {
			case radius.AttrUserPassword:
				if string(v.Value) == "correct horse" {
					code = radius.AccessAccept
				}
			case radius.AttrProxyState:
				states = append(states, v.Value)
			}
		}
		var e avp.Encoder
		if p.V11 {
			e.Begin11(code, nil)
		} else {
			e.Begin(code, &auth, key, 7, nil)
			e.Packet[1] = q.Identifier()
			if code != radius.AccountingResponse {
				e.Packet = radius.AppendMAC(e.Packet)
			}
		}
		if code == radius.AccessAccept && q.Code() == radius.AccessRequest {
			if err := e.Add(d.AVP("MS-MPPE-Send-Key", "0123456789abcdef0123456789abcdef")); err != nil {
				return ingress.Answer{}, err
			}
		}
		for _, s := range states {
			e.Raw(radius.AttrProxyState, s...)
		}
		if p.V11 {
			radius.Finish11(e.Packet, q.Token())
		} else {
			key.SignReply(e.Packet, &auth)
		}
		return ingress.Answer{Verdict: ingress.Verified, Octets: e.Packet}, nil
	}
}

// TestOwnClient: the engine for RADIUS servers over TLS speaks to this listener, in both versions.
func TestOwnClient(t *testing.T) {
	t.Parallel()
	for name, list := range protocols {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := avptest.New()
			f := enginetest.MutualFiles(t)
			b := serve(t, judge(d), func(o *Options) {
				o.TLS = f.ServerTLS
				o.TLS.NextProtos = list
			})
			e := engine.New(engine.Options{})
			t.Cleanup(func() { e.Close() })
			at := netip.MustParseAddrPort(b.addr)
			c, err := e.Open(engines.Config{Server: aaa.Server{
				Name: "own", Address: "127.0.0.1", Port: int(at.Port()), Transport: "tls", TLS: enginetest.Members(t, f.ServerTLS, f.PeerTLS), Timeout: 30_000,
			}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Retire)
			var wg sync.WaitGroup
			for i := range 300 {
				wg.Go(func() {
					password, want := "correct horse", aaa.Accept
					if i%2 > 0 {
						password, want = "wrong", aaa.Reject
					}
					r, err := c.Exchange(t.Context(), &engines.Request{Op: aaa.Authn, Dict: d, AVPs: []aaa.AVP{d.AVP("User-Name", "alice"), d.AVP("User-Password", password)}})
					if err != nil || r.Outcome != want {
						t.Errorf("%s: %+v, %v", password, r, err)
						return
					}
					if want == aaa.Accept && (len(r.AVPs) != 1 || string(r.AVPs[0].Value) != "0123456789abcdef0123456789abcdef") {
						t.Errorf("the key came as %+v", r.AVPs)
					}
				})
			}
			wg.Wait()
			r, err := c.Exchange(t.Context(), &engines.Request{Op: aaa.Accounting, Dict: d, AVPs: []aaa.AVP{d.AVP("User-Name", "alice")}})
			if err != nil || r.Outcome != aaa.Accept {
				t.Errorf("accounting: %+v, %v", r, err)
			}
			if v11 := b.got[0].V11; v11 != (name == "radius/1.1") {
				t.Errorf("1.1: %v", v11)
			}
		})
	}
}

// TestRadsecproxyAsClient: a device over UDP to radsecproxy, which sends it here over TLS.
func TestRadsecproxyAsClient(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	f := enginetest.MutualFiles(t)
	b := serve(t, judge(d), func(o *Options) { o.TLS = trusting(t, f) })
	at, here := enginetest.UDPPort(t), netip.MustParseAddrPort(b.addr)
	connected := func() bool {
		b.Server.mu.Lock()
		defer b.Server.mu.Unlock()
		return len(b.conns) > 0
	}
	enginetest.Radsecproxy(t, connected, fmt.Sprintf(`
ListenUDP 127.0.0.1:%d
LogDestination x-stderr
LoopPrevention Off
tls out {
	CACertificateFile %s
	CertificateFile %s
	CertificateKeyFile %s
	TlsVersion TLS1_3
}
client 127.0.0.1 {
	type udp
	secret "the device's"
}
server here {
	host 127.0.0.1
	port %d
	type tls
	tls out
	secret radsec
	CertificateNameCheck off
	StatusServer on
}
realm * {
	server here
	accountingServer here
}
`, at.Port(), f.Server, f.Client, f.ClientKey, here.Port()))
	c := throughProxy(t, d, at)
	r, err := c.Exchange(t.Context(), &engines.Request{Op: aaa.Accounting, Dict: d, AVPs: []aaa.AVP{d.AVP("User-Name", "alice")}})
	if err != nil || r.Outcome != aaa.Accept {
		t.Errorf("accounting: %+v, %v", r, err)
	}
}

// TestFreeRADIUSAsClient: a device over UDP to FreeRADIUS, which sends it here over TLS.
func TestFreeRADIUSAsClient(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	f := enginetest.MutualFiles(t)
	b := serve(t, judge(d), func(o *Options) { o.TLS = trusting(t, f) })
	at := enginetest.UDPPort(t)
	listening := func() bool {
		l, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
		if err == nil {
			l.Close()
		}
		return err != nil
	}
	enginetest.FreeRADIUSToTLS(t, f, at, netip.MustParseAddrPort(b.addr), "the device's", listening)
	throughProxy(t, d, at)
}

// throughProxy sends logins to a proxy over UDP, which sends them to a judge.
func throughProxy(t *testing.T, d *avptest.Dictionary, at netip.AddrPort) engines.Client {
	t.Helper()
	e := engine.New(engine.Options{})
	t.Cleanup(func() { e.Close() })
	c, err := e.Open(engines.Config{Server: aaa.Server{
		Name: "proxy", Address: "127.0.0.1", Port: int(at.Port()), Secret: aaa.NewSecret("the device's"), Timeout: 10_000, Retries: 2,
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Retire)
	for password, want := range map[string]aaa.Outcome{"correct horse": aaa.Accept, "wrong": aaa.Reject} {
		r, err := c.Exchange(t.Context(), &engines.Request{Op: aaa.Authn, Dict: d, AVPs: []aaa.AVP{d.AVP("User-Name", "alice"), d.AVP("User-Password", password)}})
		if err != nil || r.Outcome != want {
			t.Fatalf("%s: %+v, %v", password, r, err)
		}
		if want == aaa.Accept && (len(r.AVPs) != 1 || string(r.AVPs[0].Value) != "0123456789abcdef0123456789abcdef") {
			t.Errorf("the key came as %+v", r.AVPs)
		}
	}
	return c
}

// trusting is the configuration of a listener as listeners.TLS makes it, for the certificates of a test's files.
func trusting(t testing.TB, f *enginetest.Files) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(f.Client)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatal("no certificate")
	}
	own := f.ServerTLS.Certificates[0]
	return listeners.FixedTLS(&own, pool).Config(radius.ALPN11, radius.ALPN10)
}
