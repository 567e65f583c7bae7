package radius

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

// TestHeader11: code, a reserved octet, the length, the token, twelve reserved octets (RFC 9765 §4.1), which the receiver ignores.
func TestHeader11(t *testing.T) {
	t.Parallel()
	b := AppendAttribute(AppendHeader11(nil, AccessRequest, 1), AttrUserName, 'b', 'o', 'b')
	Finish11(b, 0xdeadbeef)
	want := append([]byte{1, 0, 0, 25, 0xde, 0xad, 0xbe, 0xef}, make([]byte, 12)...)
	if want = append(want, 1, 5, 'b', 'o', 'b'); !bytes.Equal(b, want) {
		t.Errorf("% x", b)
	}
	b[1], b[19] = 0xff, 0xff
	if p, err := Parse11(b); err != nil || p.Token() != 0xdeadbeef || p.Code() != AccessRequest {
		t.Errorf("%v, %v", p, err)
	}
	for _, size := range []uint16{19, 26, 24} { // too short, over the end, within an attribute
		binary.BigEndian.PutUint16(b[2:], size)
		if _, err := Parse11(b); err == nil {
			t.Errorf("a length of %d is taken", size)
		}
	}
}

func TestReplies11(t *testing.T) {
	t.Parallel()
	for code, replies := range answered {
		for _, back := range replies {
			b := AppendHeader11(nil, back, 1)
			Finish11(b, 1)
			p, err := Parse11(b)
			if err != nil {
				t.Fatal(err)
			}
			if err := VerifyReply11(p, code); err != nil {
				t.Errorf("%d to %d: %v", back, code, err)
			}
			if err := VerifyReply11(p, 99); !errors.Is(err, ErrCode) {
				t.Errorf("%d to an unknown code: %v", back, err)
			}
		}
	}
}

// TestProtocolError: one counts only if it verifies and is about the request's code (RFC 7930 §4).
func TestProtocolError(t *testing.T) {
	t.Parallel()
	asked := parsed(t, request(AccessRequest, 1))
	auth := asked.Authenticator()
	cause := AppendAttribute(nil, AttrErrorCause, 0, 0, 1, 0xf6)
	of := func(code byte) []byte {
		return AppendAttribute(nil, AttrExtended1, ExtOriginalPacketCode, 0, 0, 0, code)
	}
	for name, c := range map[string]struct {
		attributes []byte
		want       error
	}{
		"plain":            {cause, nil},
		"of the request":   {append(of(1), cause...), nil},
		"of another code":  {of(4), ErrCode},
		"a malformed code": {AppendAttribute(nil, AttrExtended1, ExtOriginalPacketCode), nil},
	} {
		for mac := range 3 {
			p := parsed(t, reply(ProtocolError, asked, mac, c.attributes...))
			if err := testKey.VerifyError(p, AccessRequest, &auth); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
			if err := NewKey([]byte("another")).VerifyError(p, AccessRequest, &auth); !errors.Is(err, ErrAuthenticator) {
				t.Errorf("%s, under another secret: %v", name, err)
			}
			if _, err := testKey.VerifyReply(p, AccessRequest, &auth, false); !errors.Is(err, ErrCode) {
				t.Errorf("%s is taken for an answer: %v", name, err)
			}
		}
	}
	if p := parsed(t, reply(ProtocolError, asked, 1, cause...)); p.ErrorCause() != 502 {
		t.Errorf("Error-Cause %d", p.ErrorCause())
	}
}

// TestCausedNAK: a CoA-Request is refused with a cause and its Proxy-States, and a stranger's is not answered.
func TestCausedNAK(t *testing.T) {
	t.Parallel()
	states := AppendAttribute(AppendAttribute(nil, AttrProxyState, 1), AttrProxyState, 2, 3)
	for code, want := range map[Code]Code{CoARequest: CoANAK, DisconnectRequest: DisconnectNAK} {
		asked := parsed(t, request(code, 1, states...))
		b, ok := CausedNAK(nil, asked, testKey, false)
		auth := asked.Authenticator()
		p := parsed(t, b)
		if _, err := testKey.VerifyReply(p, code, &auth, false); !ok || err != nil || p.Code() != want || p.ErrorCause() != 406 {
			t.Errorf("%d: %v, cause %d, %v", code, p, p.ErrorCause(), err)
		}
		if !bytes.HasSuffix(b, states) {
			t.Errorf("the Proxy-States are missing: % x", b)
		}
		if _, ok := CausedNAK(nil, asked, NewKey([]byte("another")), false); ok {
			t.Error("a stranger's request is answered")
		}
		b = AppendHeader11(nil, code, 0)
		Finish11(b, 77)
		asked, _ = Parse11(b)
		if b, ok = CausedNAK(nil, asked, nil, true); !ok || Code(b[0]) != want || b[7] != 77 {
			t.Errorf("radius/1.1: % x", b)
		}
	}
	if _, ok := CausedNAK(nil, parsed(t, request(AccessRequest, 1)), testKey, false); ok {
		t.Error("an Access-Request is refused")
	}
}
