package radius

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp"
)

// nasIdentifier is the NAS-Identifier of probes (RFC 5997 §3), and of requests whose AVPs and document name no NAS. Every request
// must name one (RFC 2865 §4.1, RFC 2866 §4.1).
const nasIdentifier = "aaa-api"

// facts are the attributes that the AVPs bring, so that nothing is filled in twice.
type facts struct {
	userName      []byte
	chapChallenge []byte
	msChallenge   []byte
	has           [128]bool // by number in the standard space
}

func (s *facts) note(v aaa.AVP) {
	if n := avp.Standard(v.Attr); n > 0 && n < uint32(len(s.has)) {
		s.has[n] = true
		switch n {
		case radius.AttrUserName:
			s.userName = v.Value
		case radius.AttrCHAPChallenge:
			s.chapChallenge = v.Value
		}
	}
	if avp.OfVendor(v.Attr, radius.VendorMicrosoft) == radius.AttrMSCHAPChallenge {
		s.msChallenge = v.Value
	}
}

// build makes the packet in p.enc, complete but for the identifier and the signature. Errors are *aaa.Error of KindBadInput, or
// of the random source.
func (p *pending) build(req *engines.Request, key *radius.Key, now time.Time) error {
	code := codeOf(req.Op)
	var seen facts
	for _, v := range req.AVPs {
		if v.Attr == nil {
			return aaa.Errorf(aaa.KindBadInput, "an AVP without a definition")
		}
		seen.note(v)
	}
	if err := p.begin(code, key, req.Dict); err != nil {
		return err
	}
	p.eap = seen.has[radius.AttrEAPMessage]
	if code != radius.AccountingRequest && !p.v11 {
		req.Add("Message-Authenticator", "")
	}
	var proof proof
	chap, msChap := seen.chapChallenge != nil, seen.msChallenge != nil
	for _, v := range req.AVPs {
		before := len(p.enc.Packet)
		if err := p.one(v, &seen); err != nil {
			return err
		}
		proof.note(v.Attr, len(p.enc.Packet) > before)
		if len(p.enc.Packet) > radius.MaxPacket {
			return errPacket(len(p.enc.Packet), v.Attr)
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
	if code == radius.AccountingRequest {
		if err := p.accounting(req, &seen, now); err != nil {
			return err
		}
	}
	if len(req.ProxyState) > 0 { // last, as each proxy adds its own (RFC 2865 §2.3)
		req.Add("Proxy-State", "")
		p.enc.Raw(radius.AttrProxyState, req.ProxyState...)
	}
	if n := len(p.enc.Packet); n > radius.MaxPacket && len(req.AVPs) > 0 { // because of what was filled in
		return errPacket(n, req.AVPs[len(req.AVPs)-1].Attr)
	}
	return nil
}

func codeOf(op aaa.Op) radius.Code {
	if op == aaa.Accounting {
		return radius.AccountingRequest
	}
	return radius.AccessRequest
}

// begin starts a packet. A Message-Authenticator comes first in whatever has a random authenticator (CVE-2024-3596). An
// Accounting-Request needs none: its authenticator signs the whole packet (RFC 2866 §3).
func (p *pending) begin(code radius.Code, key *radius.Key, dict aaa.Dictionary) error {
	p.code, p.eap, p.delayAt = code, false, 0
	p.auth = radius.Authenticator{}
	if p.v11 {
		p.enc.Begin11(code, dict)
		return nil
	}
	if code == radius.AccountingRequest {
		p.enc.Begin(code, &p.auth, key, 0, dict)
		return nil
	}
	var salt [2]byte
	if err := p.random(p.auth[:]); err != nil {
		return err
	}
	if err := p.random(salt[:]); err != nil {
		return err
	}
	p.enc.Begin(code, &p.auth, key, binary.BigEndian.Uint16(salt[:]), dict)
	p.enc.Packet = radius.AppendMAC(p.enc.Packet)
	return nil
}

// one appends an AVP of the caller's.
func (p *pending) one(v aaa.AVP, seen *facts) error {
	if omits(p.code, v.Attr) {
		return nil
	}
	if p.code == radius.AccountingRequest && v.Attr.Enc != aaa.EncNone && !p.v11 {
		// The authenticator comes last here, so there is no key to hide it with.
		return aaa.Invalid(aaa.Field{Path: v.Attr.Name, Rule: "attribute", Message: "is encrypted, which an Accounting-Request can't carry"})
	}
	if v.Attr.NamesUser() && bytes.IndexByte(v.Value, 0) >= 0 {
		return aaa.Invalid(aaa.Field{Path: v.Attr.Name, Rule: "characters", Message: "holds a zero octet, at which servers cut it"})
	}
	if avp.Standard(v.Attr) == radius.AttrEAPMessage && len(v.Value) == 0 {
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
	before := len(p.enc.Packet)
	if err := p.enc.Add(v); err != nil {
		return unencodable(err)
	}
	if avp.Standard(v.Attr) == radius.AttrAcctDelayTime && len(p.enc.Packet)-before == 2+4 {
		p.delayAt = before + 2
	}
	return nil
}

// unencodable turns the codec's error into that of a request whose attribute can't be sent.
func unencodable(err error) error {
	var f *avp.Fault
	if !errors.As(err, &f) {
		return err
	}
	return aaa.Invalid(aaa.Field{Path: f.Attr.Name, Rule: f.Rule, Message: f.Message, Target: f.Target})
}

// identity is the EAP-Response/Identity of a user (RFC 3748 §5.1). It replaces an EAP-Start (RFC 3579 §2.1), because some servers
// do not sign their answer to that, so the answer would be dropped.
func identity(user []byte) []byte {
	const response, identifier, identity = 2, 0, 1
	n := 5 + len(user)
	return append([]byte{response, identifier, byte(n >> 8), byte(n), identity}, user...)
}

// omits reports whether a packet goes without an attribute of the caller's.
func omits(code radius.Code, attr *aaa.Attribute) bool {
	switch avp.Standard(attr) {
	case radius.AttrMessageAuthenticator:
		return true // the engine's own is in front
	case radius.AttrUserPassword, radius.AttrCHAPPassword, radius.AttrReplyMessage, radius.AttrState:
		return code == radius.AccountingRequest // not allowed (RFC 2866 §4.1), though a document's rule may give them to every operation
	default:
		return attr.OfTACACS() // of another protocol: its passwords would not be encrypted here
	}
}

// nas fills in the NAS (RFC 2865 §5.4, §5.5; RFC 3162 §2.1).
func (p *pending) nas(req *engines.Request, seen *facts) {
	e := &p.enc
	if !seen.has[radius.AttrNASIPAddress] && !seen.has[radius.AttrNASIPv6Address] {
		switch a := req.NASAddress.Unmap(); {
		case a.Is4():
			b := a.As4()
			e.Raw(radius.AttrNASIPAddress, b[:]...)
			if req.Added != nil {
				req.Added("NAS-IP-Address", a.String())
			}
		case a.Is6():
			b := a.As16()
			e.Raw(radius.AttrNASIPv6Address, b[:]...)
			if req.Added != nil {
				req.Added("NAS-IPv6-Address", a.String())
			}
		case !seen.has[radius.AttrNASIdentifier]:
			req.Add("NAS-Identifier", nasIdentifier)
			e.Raw(radius.AttrNASIdentifier, []byte(nasIdentifier)...)
		}
	}
	if req.HasNASPort && !seen.has[radius.AttrNASPort] {
		e.Raw32(radius.AttrNASPort, req.NASPort)
		if req.Added != nil {
			req.Added("NAS-Port", strconv.FormatUint(uint64(req.NASPort), 10))
		}
	}
}

// accounting fills in what every record needs (RFC 2866 §5, RFC 2869 §5.3). A record with a duration or a cause of its end is a
// Stop, any other a Start. Every server that is tried gets the same record, except for the delay.
func (p *pending) accounting(req *engines.Request, seen *facts, now time.Time) error {
	e := &p.enc
	if !seen.has[radius.AttrAcctStatusType] {
		status := uint32(radius.StatusStart)
		if seen.has[radius.AttrAcctSessionTime] || seen.has[radius.AttrAcctTerminateCause] {
			status = radius.StatusStop
		}
		e.Raw32(radius.AttrAcctStatusType, status)
		if req.Added != nil {
			req.Added("Acct-Status-Type", map[uint32]string{radius.StatusStart: "Start", radius.StatusStop: "Stop"}[status])
		}
	}
	switch {
	case seen.has[radius.AttrAcctSessionID]:
	case len(req.SessionID) > radius.MaxValue:
		return aaa.Invalid(aaa.Field{Path: "Acct-Session-Id", Rule: "maxLength", Target: radius.MaxValue, Message: "is too long"})
	case req.SessionID != "":
		req.Add("Acct-Session-Id", req.SessionID)
		e.Raw(radius.AttrAcctSessionID, []byte(req.SessionID)...)
	default:
		var id [8]byte
		if err := p.random(id[:]); err != nil {
			return err
		}
		var text [16]byte
		hex.Encode(text[:], id[:])
		req.Add("Acct-Session-Id", "")
		e.Raw(radius.AttrAcctSessionID, text[:]...)
	}
	if p.begun = req.Begun; p.begun.IsZero() {
		p.begun = now
	}
	event := req.Event()
	if event.IsZero() {
		event = now
	}
	if !seen.has[radius.AttrEventTimestamp] {
		e.Raw32(radius.AttrEventTimestamp, uint32(event.Unix()))
		if req.Added != nil {
			req.Added("Event-Timestamp", event.UTC().Format(time.RFC3339))
		}
	}
	if !seen.has[radius.AttrAcctDelayTime] {
		late := p.begun.Sub(event) / time.Second // when the request arrived; what it waits since is added below
		e.Raw32(radius.AttrAcctDelayTime, uint32(min(max(late, 0), math.MaxUint32)))
		req.Add("Acct-Delay-Time", "")
		p.delayAt = len(e.Packet) - 4
	}
	if p.delayAt > 0 {
		p.delay = binary.BigEndian.Uint32(e.Packet[p.delayAt:])
		if delay, changed := p.aged(now); changed {
			binary.BigEndian.PutUint32(e.Packet[p.delayAt:], delay)
		}
	}
	return nil
}

// status makes a Status-Server packet (RFC 5997 §3).
func (p *pending) status(key *radius.Key) error {
	if err := p.begin(radius.StatusServer, key, nil); err != nil {
		return err
	}
	p.enc.Raw(radius.AttrNASIdentifier, []byte(nasIdentifier)...)
	return nil
}

// rehide makes the packet anew under another secret. An accounting record hides nothing, so signing it is enough.
func (p *pending) rehide(key *radius.Key) error {
	if p.code == radius.AccountingRequest {
		return nil
	}
	return p.remake(key)
}

// remake makes the packet anew, without a word to the trace.
func (p *pending) remake(key *radius.Key) error {
	if p.req == nil {
		return p.status(key)
	}
	again := *p.req
	again.Added = nil // the trace has it already, or is to have it later
	return p.build(&again, key, time.Now())
}

// errPacket is the error of a packet that became too long with an attribute, or had no room left after it.
func errPacket(n int, last *aaa.Attribute) error {
	return aaa.Invalid(aaa.Field{
		Path: last.Name, Rule: "maxLength", Target: radius.MaxPacket,
		Message: fmt.Sprintf("the packet would have %d octets or more, the most is %d", n, radius.MaxPacket),
	})
}

// sign gives the packet its identifier and completes it.
func (p *pending) sign(id byte, key *radius.Key) {
	p.enc.Packet[1] = id
	key.SignRequest(p.enc.Packet)
	p.auth = radius.Authenticator(p.enc.Packet[4:])
}

// aged returns the present Acct-Delay-Time, and whether it differs from the packet's. The packet is then a new request
// (RFC 2866 §5.2).
func (p *pending) aged(now time.Time) (delay uint32, changed bool) {
	at := p.delayAt
	if p.code != radius.AccountingRequest || at == 0 {
		return 0, false
	}
	waited := max(now.Sub(p.begun)/time.Second, 0)
	delay = uint32(min(int64(p.delay)+int64(waited), math.MaxUint32))
	return delay, delay > binary.BigEndian.Uint32(p.enc.Packet[at:])
}

// parseAddress parses the IP address of a document, which may have a zone. ok is false for a name.
func parseAddress(s string) (addr netip.Addr, ok bool) {
	a, err := netip.ParseAddr(s)
	return a.Unmap(), err == nil
}
