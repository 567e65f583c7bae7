package radius

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
)

// nasIdentifier names the NAS where neither the AVPs nor the document do, since a
// request must name it (RFC 2865 §4.1, RFC 2866 §4.1), and in probes (RFC 5997 §3).
const nasIdentifier = "aaa-api"

// noMAC stands for a Message-Authenticator that is yet to be computed.
var noMAC [md5.Size]byte

// facts is what the AVPs already bring, so that nothing is filled in twice.
type facts struct {
	userName      []byte
	chapChallenge []byte
	msChallenge   []byte
	has           [128]bool // by number in the standard space
}

func (s *facts) note(v aaa.AVP) {
	if n := standard(v.Attr); n > 0 && n < uint32(len(s.has)) {
		s.has[n] = true
		switch n {
		case attrUserName:
			s.userName = v.Value
		case attrCHAPChallenge:
			s.chapChallenge = v.Value
		}
	}
	if microsoft(v.Attr) == attrMSCHAPChallenge {
		s.msChallenge = v.Value
	}
}

// build puts the request into p.frame.buf, complete but for the identifier and what
// sign computes. Errors are *aaa.Error of KindBadInput, or of the random source.
func (p *pending) build(req *engines.Request, secret []byte, now time.Time) error {
	code := codeOf(req.Op)
	var seen facts
	for _, v := range req.AVPs {
		if v.Attr == nil {
			return aaa.Errorf(aaa.KindBadInput, "an AVP without a definition")
		}
		seen.note(v)
	}
	if err := p.begin(code, secret, req.Dict); err != nil {
		return err
	}
	p.eap = seen.has[attrEAPMessage]
	if code != codeAccountingRequest {
		req.Add("Message-Authenticator", "")
	}
	var proof proof
	chap, msChap := seen.chapChallenge != nil, seen.msChallenge != nil
	for _, v := range req.AVPs {
		before := len(p.frame.buf)
		if err := p.one(v, &seen); err != nil {
			return err
		}
		proof.note(v.Attr, len(p.frame.buf) > before)
		if len(p.frame.buf) > maxPacket {
			return errPacket(len(p.frame.buf), v.Attr)
		}
	}
	if err := proof.check(req.Op); err != nil {
		return err
	}
	if !chap && seen.chapChallenge != nil {
		req.Add("CHAP-Challenge", "")
	}
	if !msChap && seen.msChallenge != nil {
		req.Add("MS-CHAP-Challenge", "")
	}
	p.nas(req, &seen)
	if code == codeAccountingRequest {
		if err := p.accounting(req, &seen, now); err != nil {
			return err
		}
	}
	if n := len(p.frame.buf); n > maxPacket && len(req.AVPs) > 0 { // by what was filled in
		return errPacket(n, req.AVPs[len(req.AVPs)-1].Attr)
	}
	p.end()
	return nil
}

func codeOf(op aaa.Op) byte {
	if op == aaa.Accounting {
		return codeAccountingRequest
	}
	return codeAccessRequest
}

// begin starts a packet. A Message-Authenticator comes first in whatever has a
// random authenticator (CVE-2024-3596); an Accounting-Request is signed as a whole by its own (RFC 2866 §3).
func (p *pending) begin(code byte, secret []byte, dict aaa.Dictionary) error {
	f := &p.frame
	p.code, p.eap = code, false
	var head [headerLen]byte
	f.buf = append(f.buf[:0], head[:]...)
	f.buf[0] = code
	f.depth, f.delayAt, f.dict = 0, 0, dict
	f.hide.secret, f.hide.auth = secret, &p.auth
	p.auth = [authLen]byte{}
	if code == codeAccountingRequest {
		return nil
	}
	var salt [2]byte
	if err := p.random(p.auth[:]); err != nil {
		return err
	}
	if err := p.random(salt[:]); err != nil {
		return err
	}
	f.salt = binary.BigEndian.Uint16(salt[:])
	copy(f.buf[4:], p.auth[:])
	f.raw(attrMessageAuth, noMAC[:]...)
	return nil
}

// one appends an AVP of the caller's.
func (p *pending) one(v aaa.AVP, seen *facts) error {
	if omits(p.code, v.Attr) {
		return nil
	}
	if p.code == codeAccountingRequest && v.Attr.Enc != aaa.EncNone {
		// The authenticator comes last here, so there is no key to hide it with.
		return errDefinition(v.Attr, "is encrypted, which an Accounting-Request can't carry")
	}
	if v.Attr.NamesUser() && bytes.IndexByte(v.Value, 0) >= 0 {
		return aaa.Invalid(aaa.Field{Path: v.Attr.Name, Rule: "characters", Message: "holds a zero octet, at which servers cut it"})
	}
	if standard(v.Attr) == attrEAPMessage && len(v.Value) == 0 {
		if len(seen.userName) == 0 {
			return aaa.Invalid(aaa.Field{Path: v.Attr.Name, Rule: "required", Message: "is empty, which begins with the identity of the user: User-Name is missing"})
		}
		v.Value = identity(seen.userName)
	}
	if v.Clear {
		var err error
		if v, err = p.hashed(v, seen); err != nil {
			return err
		}
	}
	return p.frame.add(v)
}

// identity is the EAP-Response/Identity of a user (RFC 3748 §5.1). It goes in place of an EAP-Start (RFC 3579 §2.1),
// whose answer some servers leave unsigned, so that it would have to be discarded.
func identity(user []byte) []byte {
	const response, identifier, identity = 2, 0, 1
	n := 5 + len(user)
	return append([]byte{response, identifier, byte(n >> 8), byte(n), identity}, user...)
}

// omits reports whether a packet goes without an attribute of the caller's.
func omits(code byte, attr *aaa.Attribute) bool {
	switch standard(attr) {
	case attrMessageAuth:
		return true // ours stands at the front
	case attrUserPassword, attrCHAPPassword, attrReplyMessage, attrState:
		return code == codeAccountingRequest // must not be present (RFC 2866 §4.1), though a document's rule may feed them to all operations
	default:
		return attr.OfTACACS() // of another protocol, and its passwords are not encrypted here
	}
}

// nas fills in who asks (RFC 2865 §5.4, §5.5; RFC 3162 §2.1).
func (p *pending) nas(req *engines.Request, seen *facts) {
	f := &p.frame
	if !seen.has[attrNASIPAddress] && !seen.has[attrNASIPv6] {
		switch a := req.NASAddress.Unmap(); {
		case a.Is4():
			b := a.As4()
			f.raw(attrNASIPAddress, b[:]...)
			if req.Added != nil {
				req.Added("NAS-IP-Address", a.String())
			}
		case a.Is6():
			b := a.As16()
			f.raw(attrNASIPv6, b[:]...)
			if req.Added != nil {
				req.Added("NAS-IPv6-Address", a.String())
			}
		case !seen.has[attrNASIdentifier]:
			req.Add("NAS-Identifier", nasIdentifier)
			f.raw(attrNASIdentifier, []byte(nasIdentifier)...)
		}
	}
	if req.HasNASPort && !seen.has[attrNASPort] {
		f.raw32(attrNASPort, req.NASPort)
		if req.Added != nil {
			req.Added("NAS-Port", strconv.FormatUint(uint64(req.NASPort), 10))
		}
	}
}

// accounting fills in what every record needs (RFC 2866 §5, RFC 2869 §5.3). A record
// that tells a duration or a cause of its end is a Stop, else a Start. It is the same at every server
// that it is tried at, but for the delay.
func (p *pending) accounting(req *engines.Request, seen *facts, now time.Time) error {
	f := &p.frame
	if !seen.has[attrStatusType] {
		status := uint32(statusStart)
		if seen.has[attrSessionTime] || seen.has[attrTerminate] {
			status = statusStop
		}
		f.raw32(attrStatusType, status)
		if req.Added != nil {
			req.Added("Acct-Status-Type", map[uint32]string{statusStart: "Start", statusStop: "Stop"}[status])
		}
	}
	switch {
	case seen.has[attrSessionID]:
	case len(req.SessionID) > maxAttr-2:
		return aaa.Invalid(aaa.Field{Path: "Acct-Session-Id", Rule: "maxLength", Target: maxAttr - 2, Message: "is too long"})
	case req.SessionID != "":
		req.Add("Acct-Session-Id", req.SessionID)
		f.raw(attrSessionID, []byte(req.SessionID)...)
	default:
		var id [8]byte
		if err := p.random(id[:]); err != nil {
			return err
		}
		var text [16]byte
		hex.Encode(text[:], id[:])
		req.Add("Acct-Session-Id", "")
		f.raw(attrSessionID, text[:]...)
	}
	if p.begun = req.Begun; p.begun.IsZero() {
		p.begun = now
	}
	if !seen.has[attrTimestamp] {
		f.raw32(attrTimestamp, uint32(p.begun.Unix()))
		if req.Added != nil {
			req.Added("Event-Timestamp", p.begun.UTC().Format(time.RFC3339))
		}
	}
	if !seen.has[attrDelayTime] {
		f.raw32(attrDelayTime, 0)
		req.Add("Acct-Delay-Time", "")
		f.delayAt = len(f.buf) - 4
	}
	if f.delayAt > 0 {
		p.delay = binary.BigEndian.Uint32(f.buf[f.delayAt:])
		if delay, changed := p.aged(now); changed {
			binary.BigEndian.PutUint32(f.buf[f.delayAt:], delay)
		}
	}
	return nil
}

// status makes a Status-Server packet (RFC 5997 §3).
func (p *pending) status(secret []byte) error {
	if err := p.begin(codeStatusServer, secret, nil); err != nil {
		return err
	}
	p.frame.raw(attrNASIdentifier, []byte(nasIdentifier)...)
	p.end()
	return nil
}

// end writes the packet's length.
func (p *pending) end() { binary.BigEndian.PutUint16(p.frame.buf[2:], uint16(len(p.frame.buf))) }

// rehide makes the packet anew, under another secret. An accounting record hides nothing: it stays as it is, and is signed
// under that secret.
func (p *pending) rehide(secret []byte) error {
	switch {
	case p.code == codeAccountingRequest:
		return nil
	case p.req == nil:
		return p.status(secret)
	default:
		again := *p.req
		again.Added = nil // the trace has it already
		return p.build(&again, secret, time.Now())
	}
}

// errPacket is the error of a packet that the value of an attribute made too long, or that had no room left behind it.
func errPacket(n int, last *aaa.Attribute) error {
	return aaa.Invalid(aaa.Field{
		Path: last.Name, Rule: "maxLength", Target: maxPacket,
		Message: fmt.Sprintf("the packet would have %d octets or more, the most is %d", n, maxPacket),
	})
}

// sign gives the packet its identifier and computes what depends on it: the
// Message-Authenticator (RFC 3579 §3.2), or an Accounting-Request's authenticator (RFC 2866 §3).
func (p *pending) sign(id byte, secret []byte, m *key) {
	b := p.frame.buf
	b[1] = id
	if p.code == codeAccountingRequest {
		clear(b[4:headerLen])
		sum := p.sum(b, secret)
		copy(p.frame.buf[4:], sum[:]) // b is other memory where there was no room for the secret
		p.auth = sum
		return
	}
	const at = headerLen + 2 // the first attribute's value
	sum := m.packet(b, at)
	copy(b[at:], sum[:])
}

// sum is MD5(b, secret), made in b's spare room where there is some.
func (p *pending) sum(b, secret []byte) [md5.Size]byte {
	b = append(b, secret...)
	p.frame.buf = b[:len(b)-len(secret)]
	return md5.Sum(b)
}

// aged returns what Acct-Delay-Time is now, and whether that changes the packet, which is
// then a new request (RFC 2866 §5.2).
func (p *pending) aged(now time.Time) (delay uint32, changed bool) {
	at := p.frame.delayAt
	if p.code != codeAccountingRequest || at == 0 {
		return 0, false
	}
	waited := max(now.Sub(p.begun)/time.Second, 0)
	delay = uint32(min(int64(p.delay)+int64(waited), math.MaxUint32))
	return delay, delay > binary.BigEndian.Uint32(p.frame.buf[at:])
}

// parseAddress takes the address of a document: an IP address, with a zone if need be.
func parseAddress(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	return a.Unmap(), err == nil
}
