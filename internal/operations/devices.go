package operations

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/ingress"
	"aaa-api/internal/line"
)

// errNoDevices is for a front that believes in another configuration.
var errNoDevices = &aaa.Error{Kind: aaa.KindNotFound, Message: "this node serves no devices of this protocol"}

// RADIUSPacket answers a packet of RADIUS.
var RADIUSPacket = defineQuick("devices.radius", devices, func(ctx context.Context, p *Parts, _ line.From, q *ingress.Packet) (ingress.Answer, error) {
	if p.RADIUS == nil {
		return ingress.Answer{}, errNoDevices
	}
	return p.RADIUS.Packet(ctx, p.process(), q)
}).checked(func(q *ingress.Packet) error { return checkPacket(q, aaa.ClientRADIUS) })

// RADIUSAgain tells that a packet has come again while it is being answered.
var RADIUSAgain = defineQuick("devices.radius_again", devices, func(_ context.Context, p *Parts, _ line.From, q *ingress.Packet) (None, error) {
	if p.RADIUS == nil {
		return None{}, errNoDevices
	}
	p.RADIUS.Again(p.process(), q)
	return None{}, nil
}).checked(func(q *ingress.Packet) error { return checkPacket(q, aaa.ClientRADIUS) })

// TACACSPacket answers a packet of TACACS+.
var TACACSPacket = defineQuick("devices.tacacs", devices, func(ctx context.Context, p *Parts, _ line.From, q *ingress.Packet) (ingress.Answer, error) {
	if p.TACACS == nil {
		return ingress.Answer{}, errNoDevices
	}
	return p.TACACS.Packet(ctx, p.process(), q)
}).checked(func(q *ingress.Packet) error { return checkPacket(q, aaa.ClientTACACS) })

// Closed names a connection that has ended; 0: all connections of the process.
type Closed struct{ Conn uint64 }

// TACACSClosed ends what a connection had going on.
var TACACSClosed = defineQuick("devices.tacacs_closed", devices, func(_ context.Context, p *Parts, _ line.From, q *Closed) (None, error) {
	if p.TACACS == nil {
		return None{}, errNoDevices
	}
	p.TACACS.Closed(p.process(), q.Conn)
	return None{}, nil
})

// DeviceProbe does nothing: listeners measure by it how long calls wait for a processor.
var DeviceProbe = defineQuick("devices.probe", devices, func(context.Context, *Parts, line.From, *None) (None, error) { return None{}, nil })

// clockSlack is how far a front's clock may be off. Beyond it a packet counts as one of now.
const clockSlack = time.Minute

// checkPacket refuses what no listener makes.
func checkPacket(q *ingress.Packet, protocol aaa.ClientProtocol) error {
	bad := func(what string) error {
		return &aaa.Error{Kind: aaa.KindBadInput, Message: "the packet of a device: " + what}
	}
	least, most := ingress.MinRADIUS, ingress.MaxRADIUS
	if protocol == aaa.ClientTACACS {
		least, most = ingress.MinTACACS, ingress.MaxTACACS
	}
	switch {
	case q.Listener >= ingress.NumListeners || q.Listener.Protocol() != protocol:
		return bad("it came to a listener of another protocol")
	case q.Listener.Datagrams() != (q.Conn == 0):
		return bad("a datagram has no connection, and any other packet has one")
	case q.Listener.TLS() != (q.Peer != nil):
		return bad("a peer has a certificate over TLS, and only there")
	case q.V11 && q.Listener != ingress.RADIUSTLS:
		return bad("radius/1.1 is for TLS")
	case len(q.Octets) < least || len(q.Octets) > most:
		return bad("its length is out of bounds")
	case !plainAddress(q.From.Addr()) || !plainAddress(q.To.Addr()):
		return bad("it has no address, or one with a zone or in another form")
	case q.Peer != nil && !boundedPeer(q.Peer):
		return bad("its certificate has names that are too long or no lines")
	}
	if d := time.Since(q.At); d > clockSlack || d < -clockSlack {
		q.At = time.Now()
	}
	return nil
}

// plainAddress reports whether an address is in the one form in which clients are looked up.
func plainAddress(a netip.Addr) bool { return a.IsValid() && !a.Is4In6() && a.Zone() == "" }

func boundedPeer(p *ingress.Peer) bool {
	if len(p.SANs) > ingress.MaxSANs || len(p.Issuer) > ingress.MaxIssuer || !aaa.IsLine(p.Issuer) ||
		len(p.Serial) > ingress.MaxSerial || strings.Trim(p.Serial, "0123456789abcdef") != "" {
		return false
	}
	for _, san := range p.SANs {
		if len(san) > ingress.MaxSAN || !aaa.IsLine(san) {
			return false
		}
	}
	return true
}
