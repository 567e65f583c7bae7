package radius

import (
	"encoding/binary"

	"aaa-api/internal/aaa"
	"aaa-api/internal/ingress"
	"aaa-api/internal/radius"
)

// Service-Type, and the value that asks for authorisation alone (RFC 5176 §3.2).
const (
	attrServiceType = 6
	authorizeOnly   = 17
)

// stateKey is the member of a request that carries aaa.Result.State back.
const stateKey = "State"

// question is a device's packet as the service takes it. It is not used again: a request may go on after its answer.
type question struct {
	aaa.Request
	device    aaa.Device
	state     []byte // that the packet answers
	challenge reason // of state: served, or why it can't be
	eap       []byte // the packet's first EAP-Message
}

// question makes the AAA request of a packet, which was sent instead of another one that is being answered, if any.
func (s *Server) question(p *ingress.Packet, packet radius.Packet, by *proof, account aaa.AccountID, j *job, instead string) *question {
	q := &question{}
	q.ID, q.RepeatID, q.Account = j.flight.id, j.flight.id, account
	q.Op = opOf(packet)
	q.Stored = q.Op == aaa.Accounting
	q.device = aaa.Device{
		Protocol: aaa.ClientRADIUS, Owner: by.client.Account, Client: by.client.Name, NASType: by.client.Document.NASType, From: p.From.Addr().Unmap(),
	}
	q.Device = &q.device
	q.eap, _ = packet.Value(radius.AttrEAPMessage)
	var text string
	if state, has := packet.Value(radius.AttrState); has && packet.Code() == radius.AccessRequest {
		q.state = state
		if text, q.challenge = s.states.take(ownerOf(by.client), account, state, q.ID, instead, s.Now()); q.challenge != served {
			return q
		}
	}
	j.dec.Dict, j.dec.Plain, j.dec.Cipher.Key, j.dec.Cipher.Request = s.Dict, by.v11, by.key, &j.auth
	q.device.AVPs = s.travelling(j.dec.Decode(packet), packet, by.v11)
	q.Values = s.Values(q.device.AVPs)
	if q.state != nil {
		q.Values[stateKey] = text
	}
	return q
}

func opOf(packet radius.Packet) aaa.Op {
	if packet.Code() == radius.AccountingRequest {
		return aaa.Accounting
	}
	if v, ok := packet.Value(attrServiceType); ok && len(v) == 4 && binary.BigEndian.Uint32(v) == authorizeOnly {
		return aaa.Authz
	}
	return aaa.Authn
}

// travelling leaves out what is of one hop alone, and State, which the service gives out itself. A CHAP-Password without a challenge is
// made over the packet's authenticator (RFC 2865 §5.3), which no other packet has, and a packet of RADIUS/1.1 neither.
func (s *Server) travelling(all []aaa.AVP, packet radius.Packet, v11 bool) []aaa.AVP {
	kept := all[:0]
	chap, challenge := false, false
	for _, v := range all {
		switch avpNumber(v.Attr) {
		case radius.AttrMessageAuthenticator, radius.AttrProxyState, radius.AttrState:
			continue
		case radius.AttrCHAPPassword:
			chap = true
		case radius.AttrCHAPChallenge:
			challenge = true
		}
		kept = append(kept, v)
	}
	if chap && !challenge && !v11 && s.chapChallenge != nil {
		kept = append(kept, aaa.AVP{Attr: s.chapChallenge, Value: packet.Octets()[4:radius.HeaderLen:radius.HeaderLen]})
	}
	return kept
}
