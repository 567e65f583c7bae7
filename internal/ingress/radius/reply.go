package radius

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"aaa-api/internal/aaa"
	"aaa-api/internal/ingress"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp"
)

// unusable is what a device is told whose request can't be served as it is. What is wrong with it stands in the log, for the account.
const unusable = "The request can't be used."

// Codes of EAP packets (RFC 3748 §4).
const (
	eapSuccess = 3
	eapFailure = 4
)

// errTooLong is a reply that no packet can hold. To cut it would be to change what the server said.
var errTooLong = errors.New("the reply is longer than 4096 octets")

func avpNumber(a *aaa.Attribute) uint32 { return avp.Standard(a) }

// reply makes the answer to a request of its result, or of its error; nil: silence.
func (s *Server) reply(p *ingress.Packet, packet radius.Packet, by *proof, q *question, j *job, res *aaa.Result, err error) []byte {
	if err != nil {
		s.complain(p, by.client, failed, err)
		if q.Op == aaa.Accounting || silent(aaa.KindOf(err)) {
			return nil
		}
	}
	code, ok := codeOf(q, res)
	if !ok {
		s.complain(p, by.client, failed, fmt.Errorf("the outcome %q answers no such packet", res.Outcome))
		return nil
	}
	j.open(code, packet, by, s.Dict)
	if kind := aaa.KindOf(err); (kind == aaa.KindBadInput || kind == aaa.KindTooLong) && len(q.eap) == 0 { // RFC 3579 §2.6.5
		j.enc.Raw(radius.AttrReplyMessage, []byte(unusable)...)
	}
	eap := false
	if res != nil {
		avps, left := s.Reply(q.Op, res)
		if eap, left, err = j.fill(avps, left); err != nil {
			s.complain(p, by.client, tooLong, err)
			return nil
		}
		if len(left) > 0 {
			s.complain(p, by.client, unfit, errors.New(strings.Join(left, ", ")))
		}
	}
	if len(q.eap) >= 2 && !eap && code != radius.AccessChallenge && code != radius.AccountingResponse {
		j.endEAP(code, q.eap[1])
	}
	if code == radius.AccessChallenge {
		id := s.states.add(ownerOf(by.client), q.Account, res.State, s.Now())
		j.enc.Raw(radius.AttrState, id[:]...)
	}
	octets, err := j.close(packet, by)
	if err != nil {
		s.complain(p, by.client, tooLong, err)
		return nil
	}
	if q.state != nil && q.challenge == served {
		s.states.end(ownerOf(by.client), q.state)
	}
	s.tally.count(served)
	return octets
}

// codeOf is the code of an answer; res is nil for one that refuses. ok is false if no code says what the result does: a record that a server
// refused is no answered one.
func codeOf(q *question, res *aaa.Result) (code radius.Code, ok bool) {
	if res == nil {
		return radius.AccessReject, q.Op != aaa.Accounting
	}
	switch res.Outcome {
	case aaa.Accept, aaa.Off, aaa.Bypassed:
		code, ok = radius.AccessAccept, true
	case aaa.Reject:
		return radius.AccessReject, q.Op != aaa.Accounting
	case aaa.Challenge:
		return radius.AccessChallenge, q.Op != aaa.Accounting
	case aaa.Stored:
		ok = q.Op == aaa.Accounting
	}
	if q.Op == aaa.Accounting {
		code = radius.AccountingResponse
	}
	return code, ok
}

// open begins a reply. Each reply to an Access-Request or a Status-Server has a Message-Authenticator in front, whatever the client asks
// for itself (CVE-2024-3596).
func (j *job) open(code radius.Code, packet radius.Packet, by *proof, dict aaa.Dictionary) {
	if by.v11 {
		j.enc.Begin11(code, dict)
		return
	}
	j.auth = packet.Authenticator()
	j.enc.Begin(code, &j.auth, by.key, uint16(rand.Uint32()), dict) //nolint:gosec // a salt must differ, and may be known (RFC 2868 §3.5)
	j.enc.Packet[1] = packet.Identifier()
	if code != radius.AccountingResponse {
		j.enc.Packet = radius.AppendMAC(j.enc.Packet)
	}
}

// fill appends AVPs. What can't be encoded is left out and named.
func (j *job) fill(avps []aaa.AVP, leftSoFar []string) (eap bool, left []string, err error) {
	left = leftSoFar
	for _, v := range avps {
		switch avpNumber(v.Attr) {
		case radius.AttrMessageAuthenticator, radius.AttrProxyState, radius.AttrState:
			continue // of one hop alone
		case radius.AttrEAPMessage:
			eap = true
		}
		if err := j.enc.Add(v); err != nil {
			left = append(slices.Clip(left), err.Error()) // which holds no value
		}
		if len(j.enc.Packet) > radius.MaxPacket {
			return eap, left, errTooLong
		}
	}
	return eap, left, nil
}

// endEAP ends an EAP conversation that was answered without a server: a device that speaks EAP looks for the outcome there (RFC 3579 §2.6.3).
func (j *job) endEAP(code radius.Code, identifier byte) {
	outcome := byte(eapFailure)
	if code == radius.AccessAccept {
		outcome = eapSuccess
	}
	j.enc.Raw(radius.AttrEAPMessage, outcome, identifier, 0, 4)
}

// close appends the request's Proxy-States, in order, and signs the reply.
func (j *job) close(packet radius.Packet, by *proof) ([]byte, error) {
	for n, v := range packet.Attributes() {
		if n == radius.AttrProxyState {
			j.enc.Raw(n, v...)
		}
	}
	if len(j.enc.Packet) > radius.MaxPacket {
		return nil, errTooLong
	}
	if by.v11 {
		radius.Finish11(j.enc.Packet, packet.Token())
	} else {
		by.key.SignReply(j.enc.Packet, &j.auth)
	}
	return bytes.Clone(j.enc.Packet), nil
}

// status answers a Status-Server, which has been proven (RFC 5997). It is never a request of the account.
func (s *Server) status(p *ingress.Packet, packet radius.Packet, by *proof) ingress.Answer {
	if !by.keys.status.AllowN(s.Now(), 1) {
		s.tally.count(limited)
		return ingress.Answer{Verdict: ingress.Verified}
	}
	code := radius.AccessAccept
	if p.Listener == ingress.RADIUSAcct {
		code = radius.AccountingResponse
	}
	j := s.job()
	defer s.release(j)
	j.open(code, packet, by, nil)
	octets, err := j.close(packet, by)
	if err != nil {
		s.tally.count(tooLong) // of Proxy-States alone
		return ingress.Answer{Verdict: ingress.Verified}
	}
	s.tally.count(served)
	return ingress.Answer{Verdict: ingress.Verified, Octets: octets}
}

// decline answers a request of dynamic authorisation, which only devices serve (RFC 6614 §3.4).
func (s *Server) decline(p *ingress.Packet, packet radius.Packet, by *proof) ingress.Answer {
	octets, ok := radius.CausedNAK(nil, packet, by.key, by.v11)
	if !ok {
		return s.refuse(p, by.client, wrongCode)
	}
	s.tally.count(served)
	return ingress.Answer{Verdict: ingress.Verified, Octets: octets}
}
