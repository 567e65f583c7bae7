package radius

import (
	"net"
	"net/netip"
)

// wire is a UDP socket with a port of this machine that is connected to nobody, so that all servers share it.
type wire interface {
	// send writes datagrams, one after the other in octets. trouble is told of those that can't be sent, and of what the
	// network says of earlier ones. One goroutine at a time may be in it.
	send(octets []byte, list []outgoing, trouble troubled)
	// receive calls take for each datagram that arrives, whose octets are lent, and trouble for what the network says of
	// datagrams sent. Its error says that the socket was closed or can't be used any more.
	receive(take func(from netip.AddrPort, b []byte), trouble troubled) error
	Close() error
}

// troubled is told of a datagram to an address that did not arrive, or was not even sent.
type troubled func(to netip.AddrPort, err error, sent bool)

// outgoing is a datagram to be sent: where it ends in the octets, and where it goes.
type outgoing struct {
	end     int
	to      netip.AddrPort
	answers bool // the server answers what is sent from here: others leave it room in the kernel's memory
}

// socketBuffer is the kernel's memory for what is not yet read or sent, in octets: one small datagram takes up to 1 KiB of it,
// and thousands of replies may come at once. Less than asked for is no fault.
const socketBuffer = 4 << 20

// listen opens a socket for servers of one address family.
func listen(ipv6 bool) (*net.UDPConn, error) {
	network := "udp4"
	if ipv6 {
		network = "udp6"
	}
	conn, err := net.ListenUDP(network, nil)
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(socketBuffer)
	_ = conn.SetWriteBuffer(socketBuffer)
	return conn, nil
}
