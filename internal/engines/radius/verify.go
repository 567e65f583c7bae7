package radius

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"

	"aaa-api/internal/engines"
)

// unfit is why a reply was dropped: in the protocol's words, and as what the router knows it.
type unfit struct {
	text string
	kind error
}

func (u *unfit) Error() string { return u.text }
func (u *unfit) Unwrap() error { return u.kind }

var (
	errShort     error = &unfit{"the reply is cut off: it is shorter than a header, or than its own length field says", engines.ErrMalformed}
	errLong      error = &unfit{"the reply is longer than the 4096 octets that RADIUS allows", engines.ErrMalformed}
	errMalformed error = &unfit{"the lengths of the reply's attributes do not add up", engines.ErrMalformed}
	errCode      error = &unfit{"the reply's code answers no such request: is this the port for it?", engines.ErrMalformed}
	errMAShape   error = &unfit{"the reply has two Message-Authenticators, or one that is not 16 octets long", engines.ErrMalformed}
	errAuth      error = &unfit{"the reply's Response Authenticator does not verify: do both ends have the same secret?", engines.ErrUnverified}
	errMA        error = &unfit{"the reply's Message-Authenticator does not verify", engines.ErrUnverified}
	errMAMissing error = &unfit{
		"the reply has no Message-Authenticator, which require_message_authenticator wants (auto: the server has signed several replies of this kind, and no other came)",
		engines.ErrNoAuthenticator,
	}
	errOtherKey error = &unfit{"the reply verifies under the other of secret and previous_secret, so that its server could not read the request", engines.ErrUnverified}
	errMAEAP    error = &unfit{"the reply has an EAP-Message and no Message-Authenticator, which RFC 3579 wants beside it", engines.ErrNoAuthenticator}
)

// trim checks a datagram's length against RFC 2865 §3 and cuts the padding off.
func trim(b []byte) ([]byte, error) {
	if len(b) > maxPacket {
		return nil, errLong
	}
	if len(b) < headerLen {
		return nil, errShort
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if n < headerLen || n > len(b) {
		return nil, errShort
	}
	return b[:n], nil
}

// answers reports whether a reply's code may answer a request's. A Status-Server is
// answered as the port's requests are (RFC 5997 §3).
func answers(request, reply byte) bool {
	switch request {
	case codeAccountingRequest:
		return reply == codeAccountingResponse
	case codeStatusServer:
		return reply == codeAccessAccept || reply == codeAccountingResponse
	default:
		return reply == codeAccessAccept || reply == codeAccessReject || reply == codeAccessChallenge
	}
}

// messageAuth walks the attributes and returns the offset of Message-Authenticator's
// value, 0 without one. Its position is not checked: a reply's is up to the server.
func messageAuth(b []byte) (int, error) {
	at := 0
	for i := headerLen; i < len(b); {
		if len(b)-i < 2 || b[i+1] < 2 || int(b[i+1]) > len(b)-i {
			return 0, errMalformed
		}
		if b[i] == attrMessageAuth {
			if at != 0 || b[i+1] != 2+md5.Size {
				return 0, errMAShape
			}
			at = i + 2
		}
		i += int(b[i+1])
	}
	return at, nil
}

// verify checks a trimmed reply against the request it claims to answer: code,
// structure, Response Authenticator, Message-Authenticator where present or needed: whatever needMA says,
// an answer to an Access-Request with an EAP-Message must have one (RFC 3579 §3.1).
// b keeps its octets, but needs capacity for the secret behind its length to avoid a copy.
func verify(b []byte, request byte, auth *[authLen]byte, secret []byte, m *key, needMA bool) (hasMA bool, err error) {
	if !answers(request, b[0]) {
		return false, errCode
	}
	at, err := messageAuth(b)
	if err != nil {
		return false, err
	}
	var got [authLen]byte
	copy(got[:], b[4:])
	copy(b[4:], auth[:])
	want := md5.Sum(append(b, secret...))
	valid := hmac.Equal(want[:], got[:])
	if valid && at > 0 {
		mac := m.packet(b, at)
		same := hmac.Equal(mac[:], b[at:at+md5.Size])
		if !same && b[0] == codeAccountingResponse {
			// FreeRADIUS computes it over zeros, as if it were the request's. The Response Authenticator covers the
			// packet either way.
			clear(b[4:headerLen])
			mac = m.packet(b, at)
			same = hmac.Equal(mac[:], b[at:at+md5.Size])
		}
		if !same {
			err = errMA
		}
	}
	copy(b[4:], got[:])
	switch {
	case !valid:
		return false, errAuth
	case err != nil || at > 0 || b[0] == codeAccountingResponse:
		return at > 0 && err == nil, err
	case hasEAP(b):
		return false, errMAEAP
	case needMA:
		return false, errMAMissing
	}
	return false, nil
}

// hasEAP reports an EAP-Message. Where there is one, a Message-Authenticator is there by
// RFC 3579 §3.2 and does not show that the server adds it to every reply.
func hasEAP(b []byte) bool {
	for i := headerLen; i < len(b); i += int(b[i+1]) {
		if b[i] == attrEAPMessage {
			return true
		}
	}
	return false
}
