//go:build !linux

package radius

import (
	"errors"
	"net"
	"net/netip"

	"aaa-api/internal/radius"
)

// udp is the wire of systems other than Linux: a datagram a system call, and no word of servers that can't be reached.
type udp struct{ conn *net.UDPConn }

func openWire(ipv6 bool) (wire, error) {
	conn, err := listen(ipv6)
	if err != nil {
		return nil, err
	}
	return udp{conn}, nil
}

func (u udp) Close() error { return u.conn.Close() }

func (u udp) receive(take func(from netip.AddrPort, b []byte), _ troubled) error {
	buf := make([]byte, radius.MaxPacket+1)
	for {
		n, from, err := u.conn.ReadFromUDPAddrPort(buf)
		switch {
		case err == nil:
			take(from, buf[:n])
		case errors.Is(err, net.ErrClosed):
			return err
		}
	}
}

func (u udp) send(octets []byte, list []outgoing, trouble troubled) {
	start := 0
	for _, d := range list {
		if _, err := u.conn.WriteToUDPAddrPort(octets[start:d.end], d.to); err != nil {
			trouble(d.to, err, false)
		}
		start = d.end
	}
}
