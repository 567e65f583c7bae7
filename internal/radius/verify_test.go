package radius

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var testKey = NewKey([]byte("the shared secret"))

// answered are the codes of requests and of their replies.
var answered = map[Code][]Code{
	AccessRequest:     {AccessAccept, AccessReject, AccessChallenge},
	AccountingRequest: {AccountingResponse},
	StatusServer:      {AccessAccept, AccountingResponse},
	DisconnectRequest: {DisconnectACK, DisconnectNAK},
	CoARequest:        {CoAACK, CoANAK},
}

// randomAuth stands for a random authenticator.
var randomAuth = Authenticator{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

// request makes a signed request; mac is where its Message-Authenticator stands: 0 without one, 1 first, 2 last.
func request(code Code, mac int, attributes ...byte) []byte {
	b := AppendHeader(nil, code, 7, &randomAuth)
	if mac == 1 {
		b = AppendMAC(b)
	}
	b = append(b, attributes...)
	if mac == 2 {
		b = AppendMAC(b)
	}
	testKey.SignRequest(b)
	return b
}

// reply makes a signed reply to a request.
func reply(code Code, to Packet, mac int, attributes ...byte) []byte {
	auth := to.Authenticator()
	b := AppendHeader(nil, code, to.Identifier(), &auth)
	if mac == 1 {
		b = AppendMAC(b)
	}
	b = append(b, attributes...)
	if mac == 2 {
		b = AppendMAC(b)
	}
	testKey.SignReply(b, &auth)
	return b
}

// Both ends agree on every code, with a Message-Authenticator at the front, at the end, or without one where that is
// allowed; octets behind the packet are ignored.
func TestBothEnds(t *testing.T) {
	t.Parallel()
	attributes := AppendVendor(AppendAttribute(nil, AttrUserName, []byte("bob")...), 32473, 1, 'x')
	for code, replies := range answered {
		for mac := range 3 {
			if mac == 0 && code == StatusServer {
				continue
			}
			asked := parsed(t, append(request(code, mac, attributes...), "padding"...))
			if signed, err := testKey.VerifyRequest(asked, mac > 0); err != nil || signed != (mac > 0) {
				t.Errorf("a request of code %d, Message-Authenticator at %d: %v, %v", code, mac, signed, err)
			}
			auth := asked.Authenticator()
			if (auth == randomAuth) != (code == AccessRequest || code == StatusServer) {
				t.Errorf("a request of code %d has the authenticator %x", code, auth)
			}
			for _, back := range replies {
				answer := parsed(t, append(reply(back, asked, mac, attributes...), "padding"...))
				if signed, err := testKey.VerifyReply(answer, code, &auth, mac > 0); err != nil || signed != (mac > 0) {
					t.Errorf("a reply of code %d, Message-Authenticator at %d: %v, %v", back, mac, signed, err)
				}
				if _, err := testKey.VerifyReply(answer, code, &randomAuth, false); auth != randomAuth && !errors.Is(err, ErrAuthenticator) {
					t.Errorf("a reply of code %d to another request: %v", back, err)
				}
			}
		}
	}
}

// Every octet of a signed packet counts, in both directions.
func TestEveryOctetCounts(t *testing.T) {
	t.Parallel()
	for code, replies := range answered {
		whole := request(code, 1, AppendAttribute(nil, AttrUserName, 'b', 'o', 'b')...)
		asked := parsed(t, whole)
		auth := asked.Authenticator()
		for at := range whole {
			b := bytes.Clone(whole)
			b[at] ^= 0x20
			if p, err := Parse(b); err == nil {
				if _, err := testKey.VerifyRequest(p, true); err == nil {
					t.Errorf("octet %d of a request of code %d may be anything", at, code)
				}
			}
		}
		for _, back := range replies {
			whole := reply(back, asked, 1, AppendAttribute(nil, AttrReplyMessage, 'h', 'i')...)
			for at := range whole {
				b := bytes.Clone(whole)
				b[at] ^= 0x20
				if p, err := Parse(b); err == nil {
					if _, err := testKey.VerifyReply(p, code, &auth, true); err == nil {
						t.Errorf("octet %d of a reply of code %d may be anything", at, back)
					}
				}
			}
		}
	}
}

// What a server must refuse, and as what.
func TestRefusedRequests(t *testing.T) {
	t.Parallel()
	eap := AppendAttribute(nil, AttrEAPMessage, 2, 1, 0, 4)
	other := NewKey([]byte("another secret"))
	for name, tc := range map[string]struct {
		packet  []byte
		key     *Key
		needMAC bool
		want    error
	}{
		"login":                          {request(AccessRequest, 0), testKey, false, nil},
		"login, unsigned and asked for":  {request(AccessRequest, 0), testKey, true, ErrNoMAC},
		"login with EAP":                 {request(AccessRequest, 1, eap...), testKey, true, nil},
		"login with EAP, unsigned":       {request(AccessRequest, 0, eap...), testKey, false, ErrNoMACWithEAP},
		"login under another secret":     {request(AccessRequest, 1), other, false, ErrMAC},
		"record":                         {request(AccountingRequest, 0), testKey, true, nil},
		"record under another secret":    {request(AccountingRequest, 0), other, false, ErrAuthenticator},
		"change under another secret":    {request(CoARequest, 1), other, false, ErrAuthenticator},
		"status":                         {request(StatusServer, 1), testKey, false, nil},
		"status, unsigned":               {request(StatusServer, 0), testKey, false, ErrNoMAC},
		"a reply":                        {request(AccessAccept, 1), testKey, false, ErrCode},
		"a code of nobody":               {request(99, 1), testKey, false, ErrCode},
		"record signed as a login is":    {recode(request(AccessRequest, 1), AccountingRequest), testKey, false, ErrAuthenticator},
		"login signed as a record is":    {recode(request(AccountingRequest, 0), AccessRequest), testKey, true, ErrNoMAC},
		"record with a forged signature": {forged(request(AccountingRequest, 1)), testKey, false, ErrMAC},
	} {
		if _, err := tc.key.VerifyRequest(parsed(t, tc.packet), tc.needMAC); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

// recode gives a packet another code and leaves the rest.
func recode(b []byte, code Code) []byte {
	b[0] = byte(code)
	return b
}

// forged breaks the Message-Authenticator of a packet and makes its authenticator right again.
func forged(b []byte) []byte {
	b[HeaderLen+2] ^= 1
	sum := testKey.digest(b, &zeroAuth)
	copy(b[4:], sum[:])
	return b
}

// What a client must refuse, and as what.
func TestRefusedReplies(t *testing.T) {
	t.Parallel()
	asked := parsed(t, request(AccessRequest, 1))
	eap := AppendAttribute(nil, AttrEAPMessage, 3, 1, 0, 4)
	broken := reply(AccessAccept, asked, 1)
	broken[HeaderLen+2] ^= 1
	sum := testKey.digest(broken, &randomAuth)
	copy(broken[4:], sum[:])
	for name, tc := range map[string]struct {
		packet  []byte
		needMAC bool
		want    error
	}{
		"signed":                         {reply(AccessAccept, asked, 1), true, nil},
		"unsigned":                       {reply(AccessAccept, asked, 0), false, nil},
		"unsigned and asked for":         {reply(AccessAccept, asked, 0), true, ErrNoMAC},
		"with EAP":                       {reply(AccessChallenge, asked, 2, eap...), true, nil},
		"with EAP, unsigned":             {reply(AccessChallenge, asked, 0, eap...), false, ErrNoMACWithEAP},
		"of accounting":                  {reply(AccountingResponse, asked, 1), false, ErrCode},
		"of a change":                    {reply(CoAACK, asked, 1), false, ErrCode},
		"a request":                      {asked.Octets(), false, ErrCode},
		"a broken Message-Authenticator": {broken, false, ErrMAC},
	} {
		if _, err := testKey.VerifyReply(parsed(t, tc.packet), AccessRequest, &randomAuth, tc.needMAC); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

// FreeRADIUS signs an Accounting-Response as if its authenticator were zeros; no other reply may be so.
func TestSignedOverZeros(t *testing.T) {
	t.Parallel()
	for code, want := range map[Code]error{AccountingResponse: nil, AccessAccept: ErrMAC} {
		b := AppendMAC(AppendHeader(nil, code, 7, &zeroAuth))
		b[3] = byte(len(b))
		sum := testKey.messageAuthenticator(b, &zeroAuth, HeaderLen+2)
		copy(b[HeaderLen+2:], sum[:])
		auth := testKey.digest(b, &randomAuth)
		copy(b[4:], auth[:])
		if _, err := testKey.VerifyReply(parsed(t, b), StatusServer, &randomAuth, false); !errors.Is(err, want) {
			t.Errorf("code %d: %v, want %v", code, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	head := func(length int, attributes ...byte) []byte {
		b := append(AppendHeader(nil, AccessRequest, 0, &zeroAuth), attributes...)
		b[2], b[3] = byte(length>>8), byte(length)
		return b
	}
	for name, tc := range map[string]struct {
		datagram []byte
		want     error
	}{
		"nothing":                      {nil, ErrShort},
		"19 octets":                    {head(20)[:19], ErrShort},
		"a length under 20":            {head(19), ErrShort},
		"a length over the datagram":   {head(21), ErrShort},
		"a datagram over 4096 octets":  {append(head(20), make([]byte, 4077)...), ErrLong},
		"4096 octets":                  {append(head(20), make([]byte, 4076)...), nil},
		"an attribute of length 0":     {head(22, 18, 0), ErrMalformed},
		"an attribute of length 1":     {head(22, 18, 1), ErrMalformed},
		"an attribute past the end":    {head(23, 18, 9, 'x'), ErrMalformed},
		"an attribute past the length": {head(22, 18, 3, 'x'), ErrMalformed},
		"half an attribute":            {head(21, 18), ErrMalformed},
		"an empty attribute":           {head(22, 18, 2), nil},
		"a short signature":            {head(23, 80, 3, 0), ErrMACShape},
		"two signatures":               {head(56, append(AppendMAC(nil), AppendMAC(nil)...)...), ErrMACShape},
	} {
		if _, err := Parse(tc.datagram); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

// The octets that the client hides are those that the server reveals, and the other way round; other secrets and other
// requests reveal something else.
func TestCiphers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		octets := rapid.SliceOfN(rapid.Byte(), 0, MaxTunnelPassword).Draw(t, "value")
		salt := rapid.Uint16().Draw(t, "salt")
		hide := Cipher{Key: testKey, Request: &randomAuth}
		for name, c := range map[string]struct {
			most   int
			append func(dst, value []byte) []byte
			reveal func(c *Cipher, p []byte) ([]byte, error)
		}{
			"user":   {MaxUserPassword, hide.AppendUser, func(c *Cipher, p []byte) ([]byte, error) { return c.User(p, 0) }},
			"ascend": {MaxAscendSecret, hide.AppendAscend, func(c *Cipher, p []byte) ([]byte, error) { return c.Ascend(p, 0) }},
			"tunnel": {MaxTunnelPassword, func(dst, value []byte) []byte { return hide.AppendTunnel(dst, value, salt) }, (*Cipher).Tunnel},
		} {
			value := octets[:min(len(octets), c.most)]
			if name != "tunnel" {
				value = bytes.TrimRight(value, "\x00")
			}
			hidden := c.append([]byte("before"), value)[6:]
			if len(hidden) > MaxValue-1 {
				t.Fatalf("%s: %d octets do not fit into an attribute", name, len(hidden))
			}
			if name == "tunnel" && hidden[0]&0x80 == 0 {
				t.Fatalf("the salt %x lacks its top bit (RFC 2868 §3.5)", hidden[:2])
			}
			got, err := c.reveal(&Cipher{Key: testKey, Request: &randomAuth}, bytes.Clone(hidden))
			if err != nil || !bytes.Equal(got, value) {
				t.Fatalf("%s: %x became %x, %v", name, value, got, err)
			}
			if len(value) < 8 {
				continue
			}
			for _, wrong := range []*Cipher{{Key: NewKey([]byte("other")), Request: &randomAuth}, {Key: testKey, Request: &zeroAuth}} {
				if got, err := c.reveal(wrong, bytes.Clone(hidden)); err == nil && bytes.Equal(got, value) {
					t.Fatalf("%s: revealed under another key", name)
				}
			}
		}
	})
}

// The length octet of a tunnel's password may lie.
func TestTunnelLength(t *testing.T) {
	t.Parallel()
	for length, want := range map[byte]error{0: nil, 15: nil, 16: ErrHidden, 255: ErrHidden} {
		c := Cipher{Key: testKey, Request: &randomAuth}
		p := append([]byte{0x80, 1, length}, make([]byte, 15)...)
		c.chain(p[2:], p[:2])
		if got, err := c.Tunnel(p); !errors.Is(err, want) || err == nil && len(got) != int(length) {
			t.Errorf("length %d: %x, %v", length, got, err)
		}
	}
}

// Nothing that prints a Key shows the secret.
func TestKeyIsNotPrinted(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
		text := fmt.Sprintf(verb, testKey) + fmt.Sprintf(verb, Cipher{Key: testKey})
		for _, secret := range []string{"the shared", "116 104 101", fmt.Sprintf("%x", "the shared"), "0x74, 0x68"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows the secret: %s", verb, text)
			}
		}
	}
}
