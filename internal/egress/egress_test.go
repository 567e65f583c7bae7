package egress

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	ports, err := ParsePorts("49, 1024-65535")
	if err != nil {
		t.Fatal(err)
	}
	own, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	rules := &Rules{Ports: ports, Open: prefixes("127.0.9.0/24"), Own: Listening(own.Addr())}
	for _, tc := range []struct {
		to      string
		granted []netip.Prefix
		allowed bool
	}{
		{"192.0.2.1:1812", nil, true},
		{"10.0.0.1:1812", nil, true}, // servers are mostly in private networks
		{"[2001:db8::1]:49", nil, true},
		{"[fd00::1]:1812", nil, true},
		{"192.0.2.1:22", nil, false},
		{"192.0.2.1:1023", nil, false},
		{"192.0.2.1:22", prefixes("192.0.2.0/24"), true},
		{"127.0.0.1:1812", nil, false},
		{"127.0.9.1:1812", nil, true},
		{"127.0.0.1:1812", prefixes("127.0.0.0/8"), true},
		{"127.0.0.1:1812", prefixes("127.0.0.2/32"), false},
		{"127.255.255.255:1812", nil, false},
		{"169.254.169.254:8080", nil, false},
		{"169.254.1.1:1812", prefixes("169.254.0.0/16"), true},
		{"100.100.100.200:8080", nil, false},
		{"[fd00:ec2::254]:8080", nil, false},
		{"0.0.0.0:1812", nil, false},
		{"0.1.2.3:1812", nil, false},
		{"224.0.0.1:1812", nil, false},
		{"255.255.255.255:1812", nil, false},
		{"[::]:1812", nil, false},
		{"[::1]:1812", nil, false},
		{"[::1]:1812", prefixes("::1/128"), true},
		{"[fe80::1]:1812", nil, false},
		{"[fe80::1%lo]:1812", nil, false},
		{"[fe80::1%lo]:1812", prefixes("fe80::/10"), true},
		{"[ff02::1]:1812", nil, false},
		// The same addresses in other clothes.
		{"[::ffff:127.0.0.1]:1812", nil, false},
		{"[::ffff:127.0.0.1]:1812", prefixes("127.0.0.0/8"), true},
		{"[::ffff:192.0.2.1]:1812", nil, true},
		{"[::127.0.0.1]:1812", nil, false},
		{"[64:ff9b::7f00:1]:1812", nil, false},
		{"[64:ff9b::7f00:1]:1812", prefixes("127.0.0.0/8"), true},
		{"[64:ff9b::a9fe:a9fe]:8080", nil, false},
		{"[64:ff9b::c000:201]:1812", nil, true},
		{"[64:ff9b:1::7f00:1]:1812", nil, false},
		{"[2002:7f00:1::1]:1812", nil, false},
		{"[2002:a9fe:a9fe::]:8080", nil, false},
		{"[2002:c000:201::1]:1812", nil, true},
		{"[::ffff:0:127.0.0.1]:1812", nil, false},
	} {
		a := rules.Account()
		a.Grant(tc.granted)
		err := a.Check(netip.MustParseAddrPort(tc.to))
		if (err == nil) != tc.allowed || err != nil && !errors.Is(err, ErrNotAllowed) {
			t.Errorf("%s, granted %v: %v", tc.to, tc.granted, err)
		}
	}
	if err := (*Rules)(nil).Account().Check(netip.MustParseAddrPort("127.0.0.1:1")); err != nil {
		t.Errorf("without rules: %v", err)
	}
}

// What the service itself listens at is closed at every address of the machine, and open to whom it is granted.
func TestOwnListeners(t *testing.T) {
	t.Parallel()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	everywhere, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer everywhere.Close()
	port := uint16(everywhere.Addr().(*net.TCPAddr).Port)
	own := Listening(everywhere.Addr())
	for _, a := range addrs {
		addr := netip.MustParsePrefix(a.String()).Addr().Unmap()
		if !own(netip.AddrPortFrom(addr, port)) || own(netip.AddrPortFrom(addr, port-1)) {
			t.Errorf("%v", addr)
		}
	}
	if own(netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), port)) {
		t.Error("an address of another machine")
	}
	at := netip.MustParseAddrPort("192.0.2.7:1812")
	a := (&Rules{Own: Listening(net.TCPAddrFromAddrPort(at))}).Account()
	for _, address := range []string{"192.0.2.7", "::ffff:192.0.2.7", "64:ff9b::c000:207", "2002:c000:207::1"} {
		if a.Check(netip.AddrPortFrom(netip.MustParseAddr(address), at.Port())) == nil {
			t.Errorf("%s is open", address)
		}
	}
	a = (&Rules{Own: func(netip.AddrPort) bool { return true }}).Account()
	if a.Check(netip.MustParseAddrPort("192.0.2.1:1812")) == nil {
		t.Error("open")
	}
	a.Grant(prefixes("192.0.2.0/24"))
	if err := a.Check(netip.MustParseAddrPort("192.0.2.1:1812")); err != nil {
		t.Error(err)
	}
}

// The address that is checked is the one that is dialled, not what the name was told to be before.
func TestDialer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	a := (&Rules{}).Account()
	for _, host := range []string{"127.0.0.1", "localhost", "::ffff:127.0.0.1", "0.0.0.0"} {
		c, err := a.Dialer().DialContext(t.Context(), "tcp", net.JoinHostPort(host, port))
		if !errors.Is(err, ErrNotAllowed) {
			t.Errorf("%s: %v", host, err)
		}
		if c != nil {
			c.Close()
		}
	}
	a.Grant(prefixes("127.0.0.0/8", "::1/128"))
	c, err := a.Dialer().DialContext(t.Context(), "tcp", "localhost:"+port)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "0", "65536", "5-4", "a", "1-", "1,,2"} {
		if list, err := ParsePorts(bad); err == nil {
			t.Errorf("ports %q: %v", bad, list)
		}
	}
	for _, bad := range []string{"", "10.0.0.0/33", "localhost", "10.0.0.0/8,", "fe80::1%lo", "10.1.2.3/8", "::ffff:10.1.2.3"} {
		if list, err := ParseNetworks(bad); err == nil {
			t.Errorf("networks %q: %v", bad, list)
		}
	}
	if list, err := ParseNetworks("127.0.0.1, ::1, 10.0.0.0/8"); err != nil || list[0].String() != "127.0.0.1/32" || list[2].String() != "10.0.0.0/8" {
		t.Errorf("%v, %v", list, err)
	}
}

func BenchmarkCheck(b *testing.B) {
	a := (&Rules{Ports: []Ports{{49, 49}, {1024, 65535}}, Own: Listening()}).Account()
	to := netip.MustParseAddrPort("10.1.2.3:1812")
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Check(to); err != nil {
			b.Fatal(err)
		}
	}
}
