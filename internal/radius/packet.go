package radius

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
)

// Code is what a packet is (RFC 2865 §3, RFC 2866 §3, RFC 5176 §2.3, RFC 5997).
type Code byte

// The codes of packets.
const (
	AccessRequest      Code = 1
	AccessAccept       Code = 2
	AccessReject       Code = 3
	AccountingRequest  Code = 4
	AccountingResponse Code = 5
	AccessChallenge    Code = 11
	StatusServer       Code = 12
	DisconnectRequest  Code = 40
	DisconnectACK      Code = 41
	DisconnectNAK      Code = 42
	CoARequest         Code = 43
	CoAACK             Code = 44
	CoANAK             Code = 45
	ProtocolError      Code = 52 // RFC 7930 §4
)

// Sizes in octets.
const (
	HeaderLen        = 20   // code, identifier, length, authenticator
	AuthenticatorLen = 16   // an authenticator
	MaxPacket        = 4096 // RFC 2865 §3
	MaxAttribute     = 255  // an attribute with its number and length
	MaxValue         = MaxAttribute - 2
)

// Authenticator is the field of a packet's header: random in an Access-Request and a Status-Server, else made of the
// packet and the secret.
type Authenticator [AuthenticatorLen]byte

// Errors of Parse.
var (
	ErrShort     = errors.New("the packet is shorter than a header, or than its own length field says")
	ErrLong      = errors.New("the packet is longer than 4096 octets")
	ErrMalformed = errors.New("the lengths of the packet's attributes do not add up")
	ErrMACShape  = errors.New("the packet has two Message-Authenticators, or one that is not 16 octets long")
)

// Packet is a packet whose lengths have been checked. It borrows the octets that it was parsed from.
type Packet struct {
	octets []byte
	macAt  int  // offset of the Message-Authenticator's value, 0 without one
	eap    bool // there is an EAP-Message
}

// Parse checks the lengths of a datagram and of its attributes (RFC 2865 §3, §5). Octets behind the packet's own length
// are padding and are ignored. The position of the Message-Authenticator is free: a client puts it first, and any sender may
// put it elsewhere.
func Parse(datagram []byte) (Packet, error) { return parse(datagram, false) }

// parse is Parse, or Parse11.
func parse(datagram []byte, v11 bool) (Packet, error) {
	if len(datagram) > MaxPacket {
		return Packet{}, ErrLong
	}
	if len(datagram) < HeaderLen {
		return Packet{}, ErrShort
	}
	n := int(binary.BigEndian.Uint16(datagram[2:]))
	if n < HeaderLen || n > len(datagram) {
		return Packet{}, ErrShort
	}
	p := Packet{octets: datagram[:n:n]}
	for i := HeaderLen; i < n; {
		if n-i < 2 || datagram[i+1] < 2 || int(datagram[i+1]) > n-i {
			return Packet{}, ErrMalformed
		}
		switch datagram[i] {
		case AttrMessageAuthenticator:
			if v11 {
				break
			}
			if p.macAt != 0 || datagram[i+1] != 2+macLen {
				return Packet{}, ErrMACShape
			}
			p.macAt = i + 2
		case AttrEAPMessage:
			p.eap = true
		}
		i += int(datagram[i+1])
	}
	return p, nil
}

// Clone returns the packet in memory of its own.
func (p Packet) Clone() Packet {
	p.octets = append(make([]byte, 0, len(p.octets)), p.octets...)
	return p
}

// Format keeps the octets, among which passwords may be, out of whatever prints a Packet.
func (p Packet) Format(f fmt.State, _ rune) {
	if len(p.octets) < HeaderLen {
		fmt.Fprint(f, "no RADIUS packet")
		return
	}
	fmt.Fprintf(f, "RADIUS packet of code %d, identifier %d and %d octets", p.Code(), p.Identifier(), len(p.octets))
}

// Octets are the packet's octets without padding.
func (p Packet) Octets() []byte { return p.octets }

// Code is the packet's code, which may be any octet.
func (p Packet) Code() Code { return Code(p.octets[0]) }

// Identifier matches a reply to its request, per address and port.
func (p Packet) Identifier() byte { return p.octets[1] }

// Authenticator is the authenticator as it stands in the header.
func (p Packet) Authenticator() Authenticator { return Authenticator(p.octets[4:HeaderLen]) }

// HasEAP reports an EAP-Message. RFC 3579 §3.2 wants a Message-Authenticator beside it.
func (p Packet) HasEAP() bool { return p.eap }

// Attributes yields the number and the value of each attribute, in order.
func (p Packet) Attributes() iter.Seq2[byte, []byte] {
	return func(yield func(byte, []byte) bool) {
		for rest := p.octets[HeaderLen:]; len(rest) > 0; rest = rest[rest[1]:] {
			if n := rest[1]; !yield(rest[0], rest[2:n:n]) {
				return
			}
		}
	}
}

// Value returns the first value of an attribute. ok is false if there is none.
func (p Packet) Value(number byte) (value []byte, ok bool) {
	for n, v := range p.Attributes() {
		if n == number {
			return v, true
		}
	}
	return nil, false
}

// AppendHeader begins a packet. The authenticator is the random one of an Access-Request or a Status-Server, or that of the
// request which a reply answers. Signing fills in the length.
func AppendHeader(dst []byte, code Code, identifier byte, auth *Authenticator) []byte {
	return append(append(dst, byte(code), identifier, 0, 0), auth[:]...)
}

// AppendAttribute appends an attribute. The value has at most MaxValue octets.
func AppendAttribute(dst []byte, number byte, value ...byte) []byte {
	return append(append(dst, number, byte(2+len(value))), value...)
}

// AppendMAC appends an empty Message-Authenticator, which signing fills in. It belongs in front of all other attributes of
// an Access-Request and of its replies: what a forger can put in front of it makes MD5 collisions usable (CVE-2024-3596).
func AppendMAC(dst []byte) []byte { return AppendAttribute(dst, AttrMessageAuthenticator, noMAC[:]...) }

// AppendVendor appends a Vendor-Specific attribute with one attribute of the vendor, in the usual format (RFC 2865 §5.26).
// The value has at most MaxValue - 6 octets.
func AppendVendor(dst []byte, vendor uint32, number byte, value ...byte) []byte {
	dst = append(dst, AttrVendorSpecific, byte(2+4+2+len(value)))
	dst = binary.BigEndian.AppendUint32(dst, vendor)
	return AppendAttribute(dst, number, value...)
}
