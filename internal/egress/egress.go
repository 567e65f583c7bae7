// Package egress says which addresses a node sends to on behalf of an account. Documents and tables are what tenants write, so an
// address in one is where a stranger would have this machine connect to: to itself, to its neighbours, to the
// service that hands out its credentials. Those are closed unless an account above opens them.
//
// The address that is checked is the one that a packet or connection goes to, after each resolution of a name.
package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// ErrNotAllowed is the error of an address that the account may not reach. It is the same whatever is there.
var ErrNotAllowed = errors.New("the account may not send to this address: an account above opens it with server_networks")

// closed are the networks that are no server's of another organisation: of this machine and its links (RFC 6890, RFC 4291
// §2.5.6), those of groups, and where clouds answer questions about the machine.
var closed = prefixes(
	"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4",
	"::/128", "::1/128", "fe80::/10", "fec0::/10", "ff00::/8",
	"100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", "fd00:ec2::254/128", "fd20:ce::254/128",
)

// Ways to write an IPv4 address in one of IPv6: where it stands, in octets. IPv4-mapped ones are unmapped before.
var wrapped = []struct {
	in netip.Prefix
	at int
}{
	{netip.MustParsePrefix("::/96"), 12},           // IPv4-compatible (RFC 4291 §2.5.5.1)
	{netip.MustParsePrefix("64:ff9b::/96"), 12},    // NAT64 (RFC 6052 §2.1)
	{netip.MustParsePrefix("64:ff9b:1::/48"), 12},  // NAT64 of one's own, as /96 (RFC 8215)
	{netip.MustParsePrefix("2002::/16"), 2},        // 6to4 (RFC 3056 §2)
	{netip.MustParsePrefix("::ffff:0:0:0/96"), 12}, // IPv4-translated (RFC 2765 §2.1)
}

func prefixes(list ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(list))
	for i, s := range list {
		all[i] = netip.MustParsePrefix(s)
	}
	return all
}

// Ports is a range of ports, both ends included.
type Ports struct{ From, To uint16 }

// ParsePorts reads a list such as 49,300,1024-65535.
func ParsePorts(text string) ([]Ports, error) {
	var list []Ports
	for part := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			high = low
		}
		from, err := strconv.ParseUint(low, 10, 16)
		to, err2 := strconv.ParseUint(high, 10, 16)
		if err != nil || err2 != nil || from == 0 || to < from {
			return nil, fmt.Errorf("%q is neither a port nor a range such as 1024-65535", part)
		}
		list = append(list, Ports{uint16(from), uint16(to)})
	}
	return list, nil
}

// ParseNetworks reads a list such as 127.0.0.0/8,10.1.2.3.
func ParseNetworks(text string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		p, err := ParseNetwork(part)
		if err != nil {
			return nil, fmt.Errorf("%q %w", part, err)
		}
		list = append(list, p)
	}
	return list, nil
}

var (
	errNetwork = errors.New("must be an IP prefix or address, such as 10.0.0.0/8 or fd00::1")
	errMapped  = errors.New("must be written as IPv4")
)

// ParseNetwork reads a prefix, or an address as the prefix that holds it alone. The error goes on from the text.
func ParseNetwork(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return p, errNetwork
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	switch {
	case p.Addr().Is4In6():
		return p, errMapped
	case p != p.Masked():
		return p, fmt.Errorf("has bits after the prefix: write %s", p.Masked())
	}
	return p, nil
}

// Rules are the operator's, for all accounts.
type Rules struct {
	Open  []netip.Prefix // closed networks that all accounts may reach
	Ports []Ports        // that accounts may reach outside the networks that are opened; none: all
	Own   Listeners      // the service's own; nil: it has none
}

// Listeners tells whether something of the service itself listens at an address.
type Listeners func(to netip.AddrPort) bool

// Account is where the servers of one account's document may be. It follows changes. A nil Account may reach everything. It is
// safe for use by many goroutines.
type Account struct {
	rules   *Rules
	granted atomic.Pointer[[]netip.Prefix]
}

// Account returns that of an account to which nothing is granted yet. r may be nil: it may reach everything.
func (r *Rules) Account() *Account {
	if r == nil {
		return nil
	}
	return &Account{rules: r}
}

// Grant replaces the networks that the accounts above have opened.
func (a *Account) Grant(networks []netip.Prefix) {
	if a != nil {
		a.granted.Store(&networks)
	}
}

// Granted are the networks that the accounts above have opened.
func (a *Account) Granted() []netip.Prefix {
	if a == nil {
		return nil
	}
	if list := a.granted.Load(); list != nil {
		return *list
	}
	return nil
}

// Check returns ErrNotAllowed where the account may not send to an address.
func (a *Account) Check(to netip.AddrPort) error {
	if a == nil {
		return nil
	}
	addr := to.Addr().Unmap().WithZone("")
	if within(addr, a.Granted()) || within(addr, a.rules.Open) {
		return nil
	}
	inner := unwrap(addr)
	if inner.IsValid() && a.opened(inner) {
		inner = netip.Addr{}
	}
	if within(addr, closed) || inner.IsValid() && within(inner, closed) {
		return ErrNotAllowed
	}
	if !a.rules.port(to.Port()) || a.own(addr, to.Port()) || inner.IsValid() && a.own(inner, to.Port()) {
		return ErrNotAllowed
	}
	return nil
}

// own reports whether the service itself listens at an address.
func (a *Account) own(addr netip.Addr, port uint16) bool {
	return a.rules.Own != nil && a.rules.Own(netip.AddrPortFrom(addr, port))
}

// opened reports whether an address that stands in another one is open.
func (a *Account) opened(addr netip.Addr) bool {
	return within(addr, a.Granted()) || within(addr, a.rules.Open)
}

// Control is for net.Dialer.ControlContext: it sees the address that is dialled, once the name is resolved.
func (a *Account) Control(_ context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return ErrNotAllowed
	}
	return a.Check(to)
}

// Dialer is a net.Dialer that refuses what the account may not reach.
func (a *Account) Dialer() *net.Dialer { return &net.Dialer{ControlContext: a.Control} }

func (r *Rules) port(port uint16) bool {
	return len(r.Ports) == 0 || slices.ContainsFunc(r.Ports, func(p Ports) bool { return port >= p.From && port <= p.To })
}

func within(addr netip.Addr, list []netip.Prefix) bool {
	for _, p := range list {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// unwrap is the IPv4 address that stands in one of IPv6; invalid where none does.
func unwrap(addr netip.Addr) netip.Addr {
	if !addr.Is6() {
		return netip.Addr{}
	}
	b := addr.As16()
	for _, w := range wrapped {
		if w.in.Contains(addr) {
			return netip.AddrFrom4([4]byte(b[w.at : w.at+4]))
		}
	}
	return netip.Addr{}
}
