// Package ingress is what the two halves of the servers for network devices tell each other: a listener, in the process that strangers reach,
// hands over packets as they came, and the process that holds the secrets verifies and answers them. All of it is plain data.
package ingress

import (
	"context"
	"net/netip"
	"time"

	"aaa-api/internal/aaa"
)

// Listener says where a packet came in.
type Listener uint8

// The listeners.
const (
	RADIUSAuth Listener = iota // UDP
	RADIUSAcct                 // UDP
	RADIUSTLS                  // RadSec: RFC 6614, RFC 9765
	TACACS                     // TCP
	TACACSTLS                  // RFC 9887
	NumListeners
)

var names = [NumListeners]string{"radius-auth", "radius-acct", "radius-tls", "tacacs", "tacacs-tls"}

// String is the listener's name: that of its setting.
func (l Listener) String() string { return names[l] }

// RADIUS reports whether the listener takes RADIUS. The others take TACACS+.
func (l Listener) RADIUS() bool { return l <= RADIUSTLS }

// Datagrams reports whether the listener is a UDP socket. The others take connections.
func (l Listener) Datagrams() bool { return l <= RADIUSAcct }

// TLS reports whether the listener's connections are TLS.
func (l Listener) TLS() bool { return l == RADIUSTLS || l == TACACSTLS }

// Protocol is what devices speak there.
func (l Listener) Protocol() aaa.ClientProtocol {
	if l.RADIUS() {
		return aaa.ClientRADIUS
	}
	return aaa.ClientTACACS
}

// Bounds of a packet, in octets but for MaxSANs. A listener keeps them, and the security module refuses a packet beyond them.
const (
	MinRADIUS, MaxRADIUS = 20, 4096       // RFC 2865 §3
	MinTACACS, MaxTACACS = 12, 12 + 65535 // the header (RFC 8907 §4.1) and the longest body that a listener takes

	MaxSANs   = 64
	MaxSAN    = 512
	MaxIssuer = 2048
	MaxSerial = 40 // of hexadecimal digits: RFC 5280 §4.1.2.2
)

// Packet is what a device sent: a datagram, or a packet of a stream.
type Packet struct {
	Listener Listener
	Conn     uint64         // of a stream: unique in its process; 0: a datagram
	From, To netip.AddrPort // without a zone; IPv4 addresses as such
	Peer     *Peer          // what the peer's certificate says; nil: no TLS
	V11      bool           // radius/1.1 was negotiated (RFC 9765)
	Octets   []byte
	At       time.Time // when it came
}

// Peer is who the certificate of a TLS connection names. The listener has verified it.
type Peer struct {
	From   netip.Addr // where the connection comes from; a client with an address is not found without it
	SANs   []string   // DNS names, IP addresses, URIs
	Issuer string     // distinguished name (RFC 2253)
	Serial string     // hexadecimal, lower case, without leading zeros
}

// Verdict is what a packet turned out to be.
type Verdict uint8

// The verdicts.
const (
	Unknown  Verdict = iota // no client has this address or certificate
	Refused                 // the client's secret does not verify it, it is malformed, or not allowed
	Verified                // it is a client's
)

// String is the verdict as metrics have it.
func (v Verdict) String() string {
	switch v {
	case Verified:
		return "verified"
	case Refused:
		return "refused"
	}
	return "unknown"
}

// Answer is what becomes of a packet.
type Answer struct {
	Verdict Verdict
	Octets  []byte // of the reply; empty: silence
	Close   bool   // the connection ends, after the reply
	Done    bool   // of TACACS+: the session of the packet has ended
}

// RADIUSServer answers packets of RADIUS. It is safe for use by many goroutines.
type RADIUSServer interface {
	// Packet answers one packet, whose octets it takes over. from names the process that it came through. Errors are those of a call that could not be served at all.
	Packet(ctx context.Context, from string, p *Packet) (Answer, error)
	// Again tells that the packet has come again while it is being answered.
	Again(from string, p *Packet)
}

// TACACSServer answers packets of TACACS+. It is safe for use by many goroutines.
type TACACSServer interface {
	// Packet answers one packet: those of one session follow one another.
	Packet(ctx context.Context, from string, p *Packet) (Answer, error)
	// Closed ends what a connection had going on; conn 0: all connections of the process.
	Closed(from string, conn uint64)
}

// AAA is what the servers need of the service: gateway.Service has it.
type AAA interface {
	Handle(ctx context.Context, req *aaa.Request) (*aaa.Result, error)
	Repeat(ctx context.Context, account aaa.AccountID, repeatID string) error
}
