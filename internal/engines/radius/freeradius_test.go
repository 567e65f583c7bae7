package radius

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
)

// system is the dictionaries that the service ships.
func system(t testing.TB) *dict.Set {
	t.Helper()
	c, err := dict.LoadSystem("")
	if err != nil {
		t.Fatal(err)
	}
	return c.Default()
}

// list makes AVPs of names and texts in turn; a name may end in a tag, or in * for a clear password.
func list(t testing.TB, d *dict.Set, pairs ...string) []aaa.AVP {
	t.Helper()
	var out []aaa.AVP
	for i := 0; i < len(pairs); i += 2 {
		name, clear := strings.CutSuffix(pairs[i], "*")
		a, tag, err := d.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		value := []byte(pairs[i+1])
		if !clear {
			if value, err = d.Encode(a, pairs[i+1]); err != nil {
				t.Fatal(err)
			}
		}
		out = append(out, aaa.AVP{Attr: a, Tag: tag, Value: value, Clear: clear})
	}
	return out
}

// texts prints reply AVPs as NAME[:TAG]=VALUE.
func texts(d *dict.Set, avps []aaa.AVP) string {
	var out []string
	for _, v := range avps {
		name := v.Attr.Name
		if v.Tag > 0 {
			name = fmt.Sprintf("%s:%d", name, v.Tag)
		}
		if name != "Message-Authenticator" {
			out = append(out, name+"="+d.Text(v.Attr, v.Value))
		}
	}
	return strings.Join(out, "\n")
}

func freeRADIUSClient(t testing.TB, s *enginetest.FreeRADIUSServer, at netip.AddrPort, secret string) *client {
	t.Helper()
	return openTest(t, New(Options{}), aaa.Server{
		Name: "freeradius", Address: at.Addr().String(), Port: int(at.Port()),
		Secret: aaa.NewSecret(secret), Timeout: 2000, Retries: 2,
	})
}

func openTest(t testing.TB, e *Engine, s aaa.Server) *client {
	t.Helper()
	c, err := e.Open(engines.Config{Server: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Retire()
		e.Close()
	})
	return c.(*client)
}

func TestFreeRADIUSAuthentication(t *testing.T) {
	t.Parallel()
	s, d := enginetest.FreeRADIUS(t), system(t)
	c := freeRADIUSClient(t, s, s.AuthAddr, s.Secret)
	long := strings.Repeat("p", 128)
	for _, tc := range []struct {
		name  string
		avps  []string
		want  aaa.Outcome
		reply string // what the reply must hold
	}{
		{"PAP", []string{"User-Name", "alice", "User-Password", "correct horse"}, aaa.Accept, "Reply-Message=Hello alice\nClass=0x00010203\nSession-Timeout=3600"},
		{"PAP wrong", []string{"User-Name", "alice", "User-Password", "wrong"}, aaa.Reject, ""},
		{"PAP of 128 octets", []string{"User-Name", "long", "User-Password", long}, aaa.Accept, ""},
		{"CHAP", []string{"User-Name", "alice", "CHAP-Password*", "correct horse"}, aaa.Accept, "Hello alice"},
		{"CHAP wrong", []string{"User-Name", "alice", "CHAP-Password*", "wrong"}, aaa.Reject, ""},
		{"CHAP with a challenge given", []string{"CHAP-Challenge", "0x0102030405060708", "CHAP-Password*", "correct horse", "User-Name", "alice"}, aaa.Accept, ""},
		{"MS-CHAP", []string{"User-Name", "alice", "MS-CHAP-Response*", "correct horse"}, aaa.Accept, ""},
		{"MS-CHAP wrong", []string{"User-Name", "alice", "MS-CHAP-Response*", "wrong"}, aaa.Reject, ""},
		{"MS-CHAPv2", []string{"User-Name", "alice", "MS-CHAP2-Response*", "correct horse"}, aaa.Accept, "MS-CHAP2-Success="},
		{"MS-CHAPv2 wrong", []string{"User-Name", "alice", "MS-CHAP2-Response*", "wrong"}, aaa.Reject, ""},
		{"MS-CHAPv2 with a challenge given", []string{"MS-CHAP-Challenge", "0x000102030405060708090a0b0c0d0e0f", "MS-CHAP2-Response*", "correct horse", "User-Name", "alice"}, aaa.Accept, ""},
		{"unknown user", []string{"User-Name", "nobody", "User-Password", "x"}, aaa.Reject, ""},
		{"no credential at all", nil, aaa.Reject, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r, err := c.Exchange(t.Context(), &engines.Request{Op: aaa.Authn, Dict: d, AVPs: list(t, d, tc.avps...)})
			if err != nil {
				t.Fatal(err)
			}
			if got := texts(d, r.AVPs); r.Outcome != tc.want || !strings.Contains(got, tc.reply) {
				t.Errorf("%v with\n%s\nwant %v with\n%s", r.Outcome, got, tc.want, tc.reply)
			}
		})
	}
}

func TestFreeRADIUSChallenge(t *testing.T) {
	t.Parallel()
	s, d := enginetest.FreeRADIUS(t), system(t)
	c := freeRADIUSClient(t, s, s.AuthAddr, s.Secret)
	r, err := c.Exchange(t.Context(), &engines.Request{Dict: d, AVPs: list(t, d, "User-Name", "challenge", "User-Password", "first")})
	if err != nil {
		t.Fatal(err)
	}
	state := []byte{0x00, 0xff, 's', 't', 'a', 't', 'e', 0xde, 0xad, 0xbe, 0xef}
	if r.Outcome != aaa.Challenge || !bytes.Equal(r.State, state) || !strings.Contains(texts(d, r.AVPs), "Reply-Message=What comes second?") {
		t.Fatalf("%v, state %x, %s", r.Outcome, r.State, texts(d, r.AVPs))
	}
	avps := append(list(t, d, "User-Name", "challenge", "User-Password", "second"), aaa.AVP{Attr: d.ByName("State"), Value: r.State})
	if r, err = c.Exchange(t.Context(), &engines.Request{Dict: d, AVPs: avps}); err != nil || r.Outcome != aaa.Accept {
		t.Fatalf("with State: %+v, %v", r, err)
	}
	avps[2].Value = append([]byte{1}, state...)
	if r, err = c.Exchange(t.Context(), &engines.Request{Dict: d, AVPs: avps}); err != nil || r.Outcome != aaa.Reject {
		t.Fatalf("with a changed State: %+v, %v", r, err)
	}
}

func TestFreeRADIUSVendorAttributes(t *testing.T) {
	t.Parallel()
	s, d := enginetest.FreeRADIUS(t), system(t)
	c := freeRADIUSClient(t, s, s.AuthAddr, s.Secret)
	r, err := c.Exchange(t.Context(), &engines.Request{Dict: d, AVPs: list(t, d,
		"User-Name", "vendor", "User-Password", "correct horse", "Cisco-AVPair", "ask=everything")})
	if err != nil {
		t.Fatal(err)
	}
	want := `Cisco-AVPair=shell:priv-lvl=15
Cisco-AVPair=ip:addr-pool=first
Juniper-Local-User-Name=ops
USR-Connect-Speed=9600-BPS
Lucent-Max-Shared-Users=7
SN-VPN-Name=blue
WiMAX-Release=1.0
WiMAX-Accounting-Capabilities=IP-Session-Based
WiMAX-Hotline-Profile-Id=hot
Frag-Status=Fragmentation-Supported`
	if got := texts(d, r.AVPs); got != want {
		t.Errorf("the reply holds\n%s\nwant\n%s", got, want)
	}
	r, err = c.Exchange(t.Context(), &engines.Request{
		Dict: d, NASAddress: netip.MustParseAddr("192.0.2.7"), NASPort: 2000, HasNASPort: true,
		AVPs: list(t, d, "User-Name", "echo", "Cisco-AVPair", "one", "Cisco-AVPair", "two", "WiMAX-Release", "1.5",
			"WiMAX-Accounting-Capabilities", "1", "WiMAX-Hotline-Profile-Id", strings.Repeat("h", 60),
			"Tunnel-Client-Endpoint:3", "198.51.100.1", "USR-Connect-Speed", "9600-BPS", "SN-VPN-Name", "red"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := texts(d, r.AVPs), "Reply-Message=one,two|"+strings.Repeat("h", 60)+"|1.5|198.51.100.1|192.0.2.7|2000|9600-BPS|red"; got != want {
		t.Errorf("the server saw\n%s\nwant\n%s", got, want)
	}
}

func TestFreeRADIUSTunnelPasswords(t *testing.T) {
	t.Parallel()
	s, d := enginetest.FreeRADIUS(t), system(t)
	c := freeRADIUSClient(t, s, s.AuthAddr, s.Secret)
	r, err := c.Exchange(t.Context(), &engines.Request{Dict: d, AVPs: list(t, d, "User-Name", "tunnel", "User-Password", "correct horse")})
	if err != nil {
		t.Fatal(err)
	}
	want := `Tunnel-Type:1=L2TP
Tunnel-Medium-Type:1=IPv6
Tunnel-Server-Endpoint:1=192.0.2.1
Tunnel-Password:1=first tunnel's secret
Tunnel-Type:2=L2TP
Tunnel-Password:2=second
MS-MPPE-Send-Key=0x000102030405060708090a0b0c0d0e0f
Ascend-Send-Secret=ascending`
	if got := texts(d, r.AVPs); got != want {
		t.Errorf("the reply holds\n%s\nwant\n%s", got, want)
	}
}

func TestFreeRADIUSAccounting(t *testing.T) {
	t.Parallel()
	s, d := enginetest.FreeRADIUS(t), system(t)
	c := freeRADIUSClient(t, s, s.AcctAddr, s.Secret)
	r, err := c.Exchange(t.Context(), &engines.Request{
		Op: aaa.Accounting, Dict: d, NASAddress: netip.MustParseAddr("2001:db8::7"), NASPort: 7, HasNASPort: true,
		AVPs: list(t, d, "User-Name", "accounting-test", "User-Password", "never sent", "Acct-Session-Time", "61"),
	})
	if err != nil || r.Outcome != aaa.Accept {
		t.Fatalf("%+v, %v", r, err)
	}
	detail, err := os.ReadFile(s.DetailFile)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(detail), `"accounting-test"`)
	if at < 0 {
		t.Fatalf("not in the detail file:\n%s", detail)
	}
	record, _, _ := strings.Cut(string(detail[at:]), "\n\n")
	for _, want := range []string{
		"NAS-IPv6-Address = 2001:db8::7", "NAS-Port = 7", "Acct-Status-Type = Stop", "Acct-Session-Id = \"",
		"Acct-Session-Time = 61", "Acct-Delay-Time = 0", "Event-Timestamp = \"",
	} {
		if !strings.Contains(record, want) {
			t.Errorf("the record lacks %s:\n%s", want, record)
		}
	}
	if strings.Contains(record, "User-Password") {
		t.Errorf("the record holds a password (RFC 2866 §4.1):\n%s", record)
	}
}

// FreeRADIUS drops packets whose Message-Authenticator is wrong: with a wrong
// secret there is silence.
func TestFreeRADIUSWrongSecret(t *testing.T) {
	t.Parallel()
	s, d := enginetest.FreeRADIUS(t), system(t)
	c := freeRADIUSClient(t, s, s.AuthAddr, "wrong")
	c.timeout, c.retries = 50*time.Millisecond, 1
	_, err := c.Exchange(t.Context(), &engines.Request{Dict: d, AVPs: list(t, d, "User-Name", "alice", "User-Password", "correct horse")})
	var f *engines.Failure
	if !errors.As(err, &f) || f.Reason != engines.NoAnswer || f.Attempts != 2 {
		t.Errorf("%v", err)
	}
	if strings.Contains(err.Error(), "wrong") || strings.Contains(err.Error(), "horse") {
		t.Errorf("the error holds a secret: %v", err)
	}
}

func TestFreeRADIUSStatusServer(t *testing.T) {
	t.Parallel()
	s := enginetest.FreeRADIUS(t)
	for _, at := range []netip.AddrPort{s.AuthAddr, s.AcctAddr} {
		c := freeRADIUSClient(t, s, at, s.Secret)
		c.health.Failure()
		for range engines.AnswersToAlive {
			c.ask(context.Background())
		}
		if c.health.State() != engines.Alive {
			t.Errorf("%v: %v after the answers to Status-Server", at, c.health.State())
		}
	}
}
