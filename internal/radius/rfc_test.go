package radius

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// parsed is a packet that must have the right lengths.
func parsed(t testing.TB, b []byte) Packet {
	t.Helper()
	p, err := Parse(b)
	if err != nil {
		t.Fatalf("%x: %v", b, err)
	}
	return p
}

// rfcKey is the secret of the examples of RFC 2865 §7 and RFC 5997 §6.
var rfcKey = NewKey([]byte("xyzzy5461"))

// exchanged is what both ends of an example do: the server takes the request and makes the very reply of the RFC, the client
// takes that reply, and neither takes it under another secret.
func exchanged(t *testing.T, request, reply string) (asked, answered Packet) {
	t.Helper()
	asked, answered = parsed(t, unhex(t, request)), parsed(t, unhex(t, reply))
	if _, err := rfcKey.VerifyRequest(asked, false); err != nil {
		t.Errorf("the server refuses the request: %v", err)
	}
	auth := asked.Authenticator()
	b := AppendHeader(nil, answered.Code(), asked.Identifier(), &auth)
	for number, value := range answered.Attributes() {
		b = AppendAttribute(b, number, value...)
	}
	rfcKey.SignReply(b, &auth)
	if !bytes.Equal(b, answered.Octets()) {
		t.Errorf("the server answers\n%x, want\n%x", b, answered.Octets())
	}
	if signed, err := rfcKey.VerifyReply(answered, asked.Code(), &auth, false); err != nil || signed {
		t.Errorf("the client refuses the reply: %v", err)
	}
	if _, err := NewKey([]byte("xyzzy5462")).VerifyReply(answered, asked.Code(), &auth, false); !errors.Is(err, ErrAuthenticator) {
		t.Errorf("under another secret: %v", err)
	}
	return asked, answered
}

// password opens the request's User-Password and hides it again, as the client did.
func password(t *testing.T, asked Packet) string {
	t.Helper()
	hidden, _ := asked.Value(AttrUserPassword)
	auth := asked.Authenticator()
	c := Cipher{Key: rfcKey, Request: &auth}
	clear, err := c.User(bytes.Clone(hidden), 0)
	if err != nil {
		t.Fatal(err)
	}
	if again := c.AppendUser(nil, clear); !bytes.Equal(again, hidden) {
		t.Errorf("%q is hidden as %x, want %x", clear, again, hidden)
	}
	return string(clear)
}

func TestRFC2865Section7_1(t *testing.T) {
	t.Parallel()
	asked, answered := exchanged(t,
		`01000038 0f403f9473978057bd83d5cb98f4227a 01066e656d6f 02120dbe708d93d413ce3196e43f782a0aee 0406c0a80110 050600000003`,
		`02000026 86fe220e7624ba2a1005f6bf9b55e0b2 060600000001 0f0600000000 0e06c0a80103`)
	if got := password(t, asked); got != "arctangent" {
		t.Errorf("User-Password %q", got)
	}
	if user, ok := asked.Value(AttrUserName); !ok || string(user) != "nemo" {
		t.Errorf("User-Name %q", user)
	}
	if _, err := rfcKey.VerifyRequest(asked, true); !errors.Is(err, ErrNoMAC) {
		t.Errorf("a request without Message-Authenticator: %v", err)
	}
	auth := asked.Authenticator()
	if _, err := rfcKey.VerifyReply(answered, AccessRequest, &auth, true); !errors.Is(err, ErrNoMAC) {
		t.Errorf("a reply without Message-Authenticator: %v", err)
	}
}

func TestRFC2865Section7_2(t *testing.T) {
	t.Parallel()
	asked, _ := exchanged(t,
		`01010047 2aee86f08d0d55969ca5978e0d3367a2 0108666c6f707379 031316e97557c316185895f293ff6344077275
		0406c0a80110 050600000014 060600000002 070600000001`,
		`02010038 15efbc7dab26cfa3dc34d9c03c8601a4 060600000002 070600000001 0806fffffffe 0a0600000002 0d0600000001 0c06000005dc`)
	auth := asked.Authenticator()
	if got, _ := asked.Value(AttrCHAPPassword); !bytes.Equal(got, CHAP(0x16, []byte("arctangent"), auth[:])) {
		t.Errorf("CHAP-Password %x", got)
	}
}

func TestRFC2865Section7_3(t *testing.T) {
	t.Parallel()
	asked, _ := exchanged(t,
		`01020039 f3a47a1f6a6d76710b947ab93041a039 01076d6f707379 021233657573778289b570885e15084825c5 0406c0a80110 050600000007`,
		`0b02004e 36f3c8764ae8c71157403c0c71ff9c45 12304368616c6c656e67652033323736393433302e2020456e74657220726573706f6e73652061742070726f6d70742e
		180a3332373639343330`)
	if got := password(t, asked); got != "challenge" {
		t.Errorf("User-Password %q", got)
	}
	asked, _ = exchanged(t,
		`01030043 b122556d428a13d0d6253807c457ecf0 01076d6f707379 0212692c1f205fc081b919b95195f561a581 0406c0a80110 050600000007
		180a3332373639343330`,
		`03030014 a42f4fca45916c4e09c8340f9e746aa0`)
	if got := password(t, asked); got != "99101462" {
		t.Errorf("User-Password %q", got)
	}
}

func TestRFC5997Section6_1(t *testing.T) {
	t.Parallel()
	asked, _ := exchanged(t,
		`0cda0026 8a54f4686fb394c52866e302185d0623 50125a665e2e1e8411f3e243822097c84fa3`,
		`02da0014 ef0d552a4bf2d693ec2b6fe8b5411d66`)
	b := bytes.Clone(asked.Octets())
	clear(b[HeaderLen+2:])
	if rfcKey.SignRequest(b); !bytes.Equal(b, asked.Octets()) {
		t.Errorf("the client signs %x, want %x", b, asked.Octets())
	}
}

func TestRFC2759Section9_2(t *testing.T) {
	t.Parallel()
	got, err := MSCHAP2(1, []byte(`DOMAIN\User`), []byte("clientPass"),
		unhex(t, "5B5D7C7D7B3F2F3E3C2C602132262628"), unhex(t, "21402324255E262A28295F2B3A337C7E"))
	want := unhex(t, "0100 21402324255E262A28295F2B3A337C7E 0000000000000000 82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, %v\nwant %x", got, err, want)
	}
}

func TestRFC2433AppendixB(t *testing.T) {
	t.Parallel()
	got, err := MSCHAP(1, []byte("MyPw"), unhex(t, "102DB5DF085D3041"))
	want := unhex(t, "0101"+strings.Repeat("00", 24)+"4E9D3C8F9CFD385D5BF4D3246791956CA4C351AB409A3D61")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, %v\nwant %x", got, err, want)
	}
}
