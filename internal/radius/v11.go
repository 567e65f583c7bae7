package radius

import (
	"crypto/hmac"
	"encoding/binary"
	"errors"
)

// RADIUS/1.1 (RFC 9765) is RADIUS inside TLS alone. The header keeps its size, but a Token of four octets stands in place of the
// authenticator and matches a reply to its request. The Identifier and the other twelve octets are reserved. TLS proves and hides
// everything, so there is no shared secret, no Message-Authenticator, and no hidden value.

// Names of the protocol in TLS's negotiation (RFC 9765 §3.2).
const (
	ALPN10 = "radius/1.0"
	ALPN11 = "radius/1.1"
)

// TLSSecret is the shared secret of RADIUS/1.0 over TLS if none is agreed (RFC 6614 §2.3).
const TLSSecret = "radsec"

// Token matches a reply to its request on a connection of RADIUS/1.1.
type Token uint32

// AppendHeader11 begins a packet of RADIUS/1.1. Finish11 fills in the length.
func AppendHeader11(dst []byte, code Code, token Token) []byte {
	dst = append(dst, byte(code), 0, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(token))
	return append(dst, make([]byte, HeaderLen-8)...)
}

// Finish11 completes a packet of RADIUS/1.1: its token and its length.
func Finish11(b []byte, token Token) {
	binary.BigEndian.PutUint32(b[4:], uint32(token))
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
}

// Parse11 is Parse for a packet of RADIUS/1.1. A Message-Authenticator means nothing there, whatever its shape (RFC 9765 §5.2).
func Parse11(b []byte) (Packet, error) { return parse(b, true) }

// Token is the token of a packet of RADIUS/1.1.
func (p Packet) Token() Token { return Token(binary.BigEndian.Uint32(p.octets[4:])) }

// VerifyReply11 is the client's check of a reply of RADIUS/1.1: its code. TLS proves the rest.
func VerifyReply11(reply Packet, request Code) error {
	if !reply.Code().Answers(request) {
		return ErrCode
	}
	return nil
}

// ErrProtocol is a Protocol-Error, by which a server refuses the packet itself rather than the user (RFC 7930 §4).
var ErrProtocol = errors.New("the server answers with Protocol-Error")

// VerifyError checks a Protocol-Error under RADIUS/1.0: its Response Authenticator, its Message-Authenticator where it has one,
// and its Original-Packet-Code, which must be the code of the request.
func (k *Key) VerifyError(reply Packet, request Code, sent *Authenticator) error {
	if reply.Code() != ProtocolError {
		return ErrCode
	}
	got, want := reply.Authenticator(), k.digest(reply.octets, sent)
	if !hmac.Equal(got[:], want[:]) {
		return ErrAuthenticator
	}
	if reply.macAt > 0 && !k.hasMAC(reply, sent) {
		return ErrMAC
	}
	for number, value := range reply.Attributes() {
		if number == AttrExtended1 && len(value) == 1+4 && value[0] == ExtOriginalPacketCode &&
			binary.BigEndian.Uint32(value[1:]) != uint32(request) {
			return ErrCode
		}
	}
	return nil
}

// ErrorCause is the value of a packet's Error-Cause, 0 without one (RFC 5176 §3.5).
func (p Packet) ErrorCause() uint32 {
	if v, ok := p.Value(AttrErrorCause); ok && len(v) == 4 {
		return binary.BigEndian.Uint32(v)
	}
	return 0
}

// CausedNAK makes the refusal of a CoA-Request or a Disconnect-Request, which a connection's other end may send to one that
// does not take them: a NAK with Error-Cause "Unsupported Extension", and the request's Proxy-States (RFC 5176 §3.1, §3.5). It is unsigned
// under RADIUS/1.1. ok is false if the packet is no such request, or does not verify under the key.
func CausedNAK(dst []byte, request Packet, key *Key, v11 bool) (reply []byte, ok bool) {
	code := DisconnectNAK
	switch request.Code() {
	case DisconnectRequest:
	case CoARequest:
		code = CoANAK
	default:
		return dst, false
	}
	auth := request.Authenticator()
	if !v11 {
		if _, err := key.VerifyRequest(request, false); err != nil {
			return dst, false
		}
	}
	start := len(dst)
	if v11 {
		dst = AppendHeader11(dst, code, request.Token())
	} else {
		dst = AppendHeader(dst, code, request.Identifier(), &auth)
	}
	dst = AppendAttribute(dst, AttrErrorCause, 0, 0, causeUnsupported>>8, causeUnsupported&0xff)
	for number, value := range request.Attributes() {
		if number == AttrProxyState && len(dst)-start+2+len(value) <= MaxPacket {
			dst = AppendAttribute(dst, AttrProxyState, value...)
		}
	}
	if v11 {
		Finish11(dst[start:], request.Token())
	} else {
		key.SignReply(dst[start:], &auth)
	}
	return dst, true
}

// causeUnsupported is the Error-Cause of an extension that is not there (RFC 5176 §3.5).
const causeUnsupported = 406
