package egress

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// interfacesHold is how long the machine's addresses are remembered.
const interfacesHold = time.Minute

// Listening returns the Listeners of addresses that the service listens at. Of one that is unspecified all addresses of the
// machine count.
func Listening(at ...net.Addr) Listeners {
	var own []netip.AddrPort
	for _, a := range at {
		if p, err := netip.ParseAddrPort(a.String()); err == nil {
			own = append(own, netip.AddrPortFrom(p.Addr().Unmap(), p.Port()))
		}
	}
	var m machine
	return func(to netip.AddrPort) bool {
		for _, p := range own {
			if p.Port() == to.Port() && (p.Addr() == to.Addr() || p.Addr().IsUnspecified() && m.has(to.Addr())) {
				return true
			}
		}
		return false
	}
}

// machine is the addresses of this one.
type machine struct {
	mu    sync.Mutex
	addrs map[netip.Addr]bool
	read  time.Time
}

func (m *machine) has(addr netip.Addr) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := time.Now(); m.addrs == nil || now.Sub(m.read) > interfacesHold {
		m.addrs, m.read = map[netip.Addr]bool{}, now
		list, _ := net.InterfaceAddrs() // none: the other rules remain
		for _, a := range list {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				m.addrs[p.Addr().Unmap()] = true
			}
		}
	}
	return m.addrs[addr]
}
