package radius

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// controlOctets is room for the control messages of a datagram: addresses of either family, and the count of drops.
const controlOctets = 128

// countDrops has the kernel tell how many datagrams it dropped.
func countDrops(c *net.UDPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var serr error
	err = raw.Control(func(fd uintptr) { serr = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1) }) //nolint:gosec // a descriptor
	return errors.Join(err, serr)
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// pathOf reads the control messages of a datagram. drops is how many the kernel has dropped so far, 0 if it does not say.
//
// A socket of IPv6 that takes IPv4 too gets the addresses of both in the form of IPv6.
func pathOf(control []byte) (p path, drops uint32) {
	for len(control) >= unix.CmsgLen(0) {
		h, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			return p, drops
		}
		control = rest
		switch {
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			info := (*unix.Inet4Pktinfo)(unsafe.Pointer(&data[0]))
			p.addr = netip.AddrFrom4(info.Addr) // Spec_dst is 0.0.0.0 in datagrams that came before the option was set
			if !p.addr.IsMulticast() && p.addr != broadcast {
				p.own = p.addr
			}
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			info := (*unix.Inet6Pktinfo)(unsafe.Pointer(&data[0]))
			p.addr, p.six = netip.AddrFrom16(info.Addr).Unmap(), true
			if !p.addr.IsMulticast() {
				p.own = p.addr
			}
			if p.addr.IsLinkLocalUnicast() && p.addr.Is6() {
				p.link = int(info.Ifindex)
			}
		case h.Level == unix.SOL_SOCKET && h.Type == unix.SO_RXQ_OVFL && len(data) >= 4:
			drops = binary.NativeEndian.Uint32(data)
		}
	}
	return p, drops
}

// controlOf has a reply leave from the address that its request came to.
func controlOf(p path) []byte {
	switch {
	case !p.own.IsValid():
		return nil
	case p.six:
		return unix.PktInfo6(&unix.Inet6Pktinfo{Addr: p.own.As16(), Ifindex: uint32(p.link)}) //nolint:gosec // as the kernel gave it
	}
	return unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: p.own.As4()})
}
