package tacacs

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"layeh.com/radius/rfc2759"
)

// TestCHAPData: the data of a START is taken apart as it was put together, in the lengths of its type.
func TestCHAPData(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		method              AuthenType
		challenge, response int
		ok                  bool
	}{
		{AuthenCHAP, 1, 16, true},
		{AuthenCHAP, 16, 16, true},
		{AuthenCHAP, 238, 16, true},
		{AuthenCHAP, 0, 16, false},
		{AuthenCHAP, 239, 16, false},
		{AuthenCHAP, 16, 15, false},
		{AuthenMSCHAP, 8, 49, true},
		{AuthenMSCHAP, 16, 49, false},
		{AuthenMSCHAPv2, 16, 49, true},
		{AuthenMSCHAPv2, 8, 49, false},
		{AuthenMSCHAPv2, 16, 16, false},
	} {
		c := CHAP{ID: 9, Challenge: bytes.Repeat([]byte{1}, tc.challenge), Response: bytes.Repeat([]byte{2}, tc.response)}
		data, err := c.Data(tc.method)
		var field *FieldError
		if (err == nil) != tc.ok || err != nil && !errors.As(err, &field) {
			t.Errorf("%+v: %v", tc, err)
		}
		if _, err := Respond(tc.method, 1, []byte("u"), []byte("p"), c.Challenge); tc.response == ResponseLen(tc.method) && (err == nil) != tc.ok {
			t.Errorf("respond to %d octets: %v", tc.challenge, err)
		}
		if !tc.ok {
			continue
		}
		again, err := ParseCHAP(tc.method, data)
		if err != nil || again.ID != 9 || !bytes.Equal(again.Challenge, c.Challenge) || !bytes.Equal(again.Response, c.Response) {
			t.Errorf("%+v became %d octets, %v", tc, len(data), err)
		}
	}
	for _, n := range []int{0, 1, 17, 256} {
		if _, err := ParseCHAP(AuthenCHAP, make([]byte, n)); !errors.Is(err, FaultLengths) {
			t.Errorf("%d octets: %v", n, err)
		}
	}
	if _, err := ParseCHAP(AuthenPAP, make([]byte, 66)); !errors.Is(err, FaultType) {
		t.Error(err)
	}
}

// TestRespond_RFC2759_9_2 computes MS-CHAPv2 with the RFC's user, password and challenges. The challenge of the
// client's own is random, so that the response is computed again with the one that Respond drew.
func TestRespond_RFC2759_9_2(t *testing.T) {
	t.Parallel()
	challenge, _ := hex.DecodeString("5b5d7c7d7b3f2f3e3c2c602132262628")
	for _, user := range []string{"User", `DOMAIN\User`} {
		r, err := Respond(AuthenMSCHAPv2, 1, []byte(user), []byte("clientPass"), challenge)
		if err != nil || len(r) != 49 {
			t.Fatal(len(r), err)
		}
		want, err := rfc2759.GenerateNTResponse(challenge, r[:16], []byte("User"), []byte("clientPass"))
		if err != nil || !bytes.Equal(r[24:48], want) || !bytes.Equal(r[16:24], make([]byte, 8)) || r[48] != 0 {
			t.Errorf("%s: %x, want %x", user, []byte(r), want)
		}
	}
}

// TestRespond_RFC1994 computes CHAP as RFC 1994 §4.1 has it: MD5 of identifier, secret and challenge. The vector is
// from Python's hashlib.
func TestRespond_RFC1994(t *testing.T) {
	t.Parallel()
	r, err := Respond(AuthenCHAP, 7, nil, []byte("secret"), []byte("0123456789abcdef"))
	if want := "96db2d8f96c291a6699a973ce5c168a8"; err != nil || hex.EncodeToString(r) != want {
		t.Errorf("%x, %v, want %s", []byte(r), err, want)
	}
}

// TestUnhashable: MS-CHAP has no hash for a password that is too long or is no text.
func TestUnhashable(t *testing.T) {
	t.Parallel()
	for _, method := range []AuthenType{AuthenMSCHAP, AuthenMSCHAPv2} {
		for _, password := range []string{strings.Repeat("x", 257), "\xff"} {
			if _, err := Respond(method, 1, []byte("u"), []byte(password), make([]byte, ChallengeLen(method))); !errors.Is(err, ErrPassword) {
				t.Errorf("%d, %d octets: %v", method, len(password), err)
			}
		}
		if _, err := Respond(method, 1, []byte("u"), []byte(strings.Repeat("x", 256)), make([]byte, ChallengeLen(method))); err != nil {
			t.Error(err)
		}
	}
}

// FuzzCHAP: what ParseCHAP accepts is encoded to the same octets again.
func FuzzCHAP(f *testing.F) {
	f.Add(uint8(AuthenCHAP), make([]byte, 33))
	f.Add(uint8(AuthenMSCHAP), make([]byte, 58))
	f.Add(uint8(AuthenMSCHAPv2), make([]byte, 66))
	f.Fuzz(func(t *testing.T, method uint8, b []byte) {
		c, err := ParseCHAP(AuthenType(method), b)
		if err != nil {
			return
		}
		if out, err := c.Data(AuthenType(method)); err != nil || !bytes.Equal(out, b) {
			t.Fatalf("%x became %x, %v", b, []byte(out), err)
		}
	})
}
