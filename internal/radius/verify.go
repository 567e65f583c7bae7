package radius

import (
	"crypto/hmac"
	"errors"
)

// Errors of VerifyRequest and VerifyReply.
var (
	ErrCode          = errors.New("the packet's code is not one that is expected here")
	ErrAuthenticator = errors.New("the packet's authenticator does not verify under the secret")
	ErrMAC           = errors.New("the packet's Message-Authenticator does not verify under the secret")
	ErrNoMAC         = errors.New("the packet has no Message-Authenticator")
	ErrNoMACWithEAP  = errors.New("the packet has an EAP-Message and no Message-Authenticator") // RFC 3579 §3.2
)

// Answers reports whether a reply's code may answer a request's. A Status-Server is answered as the port's
// requests are (RFC 5997 §3).
func (c Code) Answers(request Code) bool {
	switch request {
	case AccessRequest:
		return c.ofAccess()
	case AccountingRequest:
		return c == AccountingResponse
	case StatusServer:
		return c == AccessAccept || c == AccountingResponse
	case DisconnectRequest:
		return c == DisconnectACK || c == DisconnectNAK
	case CoARequest:
		return c == CoAACK || c == CoANAK
	default:
		return false
	}
}

// ofAccess reports the replies to an Access-Request.
func (c Code) ofAccess() bool { return c == AccessAccept || c == AccessReject || c == AccessChallenge }

// VerifyReply is the client's check of a reply: its code, its Response Authenticator, and its Message-Authenticator where it
// has one. sent is the authenticator of the request. A reply to an Access-Request must have a Message-Authenticator if needMAC
// says so, and in any case beside an EAP-Message. signed reports that there is one.
func (k *Key) VerifyReply(reply Packet, request Code, sent *Authenticator, needMAC bool) (signed bool, err error) {
	code := reply.Code()
	if !code.Answers(request) {
		return false, ErrCode
	}
	got, want := reply.Authenticator(), k.digest(reply.octets, sent)
	if !hmac.Equal(got[:], want[:]) {
		return false, ErrAuthenticator
	}
	switch {
	case reply.macAt == 0 && !code.ofAccess():
		return false, nil
	case reply.macAt == 0 && reply.eap:
		return false, ErrNoMACWithEAP
	case reply.macAt == 0 && needMAC:
		return false, ErrNoMAC
	case reply.macAt == 0:
		return false, nil
	case k.hasMAC(reply, sent):
		return true, nil
	case code == AccountingResponse && k.hasMAC(reply, &zeroAuth):
		// FreeRADIUS computes it over zeros, as if the packet were a request. The Response Authenticator covers the packet
		// either way.
		return true, nil
	}
	return false, ErrMAC
}

// VerifyRequest is the server's check of a request. An Accounting-Request, CoA-Request or Disconnect-Request is proven by its
// authenticator. An Access-Request is proven by its Message-Authenticator alone: it must have one if needMAC says so, and
// in any case beside an EAP-Message. A Status-Server must always have one (RFC 5997 §3). signed reports that there is one.
//
// An Access-Request without one proves nothing: a wrong secret shows only in the User-Password, which then decrypts to
// random octets.
func (k *Key) VerifyRequest(request Packet, needMAC bool) (signed bool, err error) {
	code, auth := request.Code(), request.Authenticator()
	switch {
	case code.signsItself():
		want := k.digest(request.octets, &zeroAuth)
		if !hmac.Equal(auth[:], want[:]) {
			return false, ErrAuthenticator
		}
		auth = zeroAuth
	case code != AccessRequest && code != StatusServer:
		return false, ErrCode
	case request.macAt == 0 && request.eap:
		return false, ErrNoMACWithEAP
	case request.macAt == 0 && (needMAC || code == StatusServer):
		return false, ErrNoMAC
	}
	if request.macAt > 0 && !k.hasMAC(request, &auth) {
		return false, ErrMAC
	}
	return request.macAt > 0, nil
}

// hasMAC reports whether the packet's Message-Authenticator is right, with auth as the packet's authenticator.
func (k *Key) hasMAC(p Packet, auth *Authenticator) bool {
	want := k.messageAuthenticator(p.octets, auth, p.macAt)
	return hmac.Equal(want[:], p.octets[p.macAt:p.macAt+macLen])
}
