package radius

import "encoding/binary"

// zeroAuth is the authenticator that counts in a request which is signed by its own (RFC 2866 §3, RFC 5176 §2.3).
var zeroAuth Authenticator

// signsItself reports the requests whose authenticator is made of the packet and the secret, so that it proves both.
func (c Code) signsItself() bool {
	return c == AccountingRequest || c == CoARequest || c == DisconnectRequest
}

// SignRequest fills in the length of a request, its Message-Authenticator where there is an empty one, and the
// authenticator of a code that has no random one.
func (k *Key) SignRequest(b []byte) {
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	auth := Authenticator(b[4:HeaderLen])
	own := Code(b[0]).signsItself()
	if own {
		auth = zeroAuth
	}
	k.fillMAC(b, &auth)
	if own {
		auth = k.digest(b, &zeroAuth)
		copy(b[4:], auth[:])
	}
}

// SignReply fills in the length of a reply, its Message-Authenticator where there is an empty one, and its authenticator.
// request is the authenticator of the request.
func (k *Key) SignReply(b []byte, request *Authenticator) {
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	k.fillMAC(b, request)
	auth := k.digest(b, request)
	copy(b[4:], auth[:])
}

// fillMAC computes the first Message-Authenticator. It leaves a malformed packet as it is, which only a test server makes.
func (k *Key) fillMAC(b []byte, auth *Authenticator) {
	for i := HeaderLen; i+1 < len(b) && b[i+1] >= 2; i += int(b[i+1]) {
		if b[i] != AttrMessageAuthenticator {
			continue
		}
		if b[i+1] == 2+macLen && len(b) >= i+2+macLen {
			sum := k.messageAuthenticator(b, auth, i+2)
			copy(b[i+2:], sum[:])
		}
		return
	}
}
