// Package radius takes RADIUS from network devices over UDP (RFC 2865, RFC 2866, RFC 5080 §2.2). It checks packets, answers repetitions
// from memory, and hands all else over.
package radius

import (
	"aaa-api/internal/ingress"
	"aaa-api/internal/radius"
)

// request is a datagram whose lengths have been checked.
type request struct {
	octets []byte // without padding
	urgent bool   // a Status-Server, or part of a conversation that has begun
}

// check refuses a datagram that no client sends to this listener.
func check(l ingress.Listener, datagram []byte) (request, bool) {
	p, err := radius.Parse(datagram)
	if err != nil {
		return request{}, false
	}
	own := radius.AccessRequest
	if l == ingress.RADIUSAcct {
		own = radius.AccountingRequest
	}
	switch p.Code() {
	case own:
		_, state := p.Value(radius.AttrState)
		return request{octets: p.Octets(), urgent: state}, true
	case radius.StatusServer:
		return request{octets: p.Octets(), urgent: true}, true
	}
	return request{}, false
}
