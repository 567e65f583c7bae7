package radius

import (
	"net"
	"net/netip"
)

// wire is an unconnected UDP socket, which all servers share.
type wire interface {
	// send writes datagrams, which follow each other in octets. It calls trouble for those that can't be sent, and for errors
	// about earlier ones. One goroutine at a time may call it.
	send(octets []byte, list []outgoing, trouble troubled)
	// receive calls take for each datagram that arrives, and trouble for errors about datagrams sent. The octets are valid
	// during the call only. It returns when the socket was closed or can't be used any more.
	receive(take func(from netip.AddrPort, b []byte), trouble troubled) error
	Close() error
}

// troubled is called for a datagram to an address that did not arrive. sent is false if it was not even sent.
type troubled func(to netip.AddrPort, err error, sent bool)

// outgoing is a datagram to be sent: where it ends in the octets, and where it goes.
type outgoing struct {
	end     int
	to      netip.AddrPort
	answers bool // the server answers this socket: datagrams to others leave it room in the kernel's memory
}

// socketBuffer is the kernel's memory for datagrams that are not yet read or sent, in octets. A small datagram takes up to 1 KiB of
// it, and thousands of replies may come at once. The kernel may grant less.
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
