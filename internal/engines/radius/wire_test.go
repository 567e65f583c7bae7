package radius

import (
	"crypto/md5"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/net/ipv4"

	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/radius"
)

// hooked calls a function after each packet that it sent.
type hooked struct {
	wire
	sent *func()
}

func (h hooked) send(octets []byte, list []outgoing, trouble troubled) {
	h.wire.send(octets, list, trouble)
	(*h.sent)()
}

// void is a wire that nothing ever comes back on, in a synctest bubble too.
type void struct{ closed chan struct{} }

func newVoid(bool) (wire, error) { return void{make(chan struct{})}, nil }

func (v void) receive(func(netip.AddrPort, []byte), troubled) error {
	<-v.closed
	return errClosed
}
func (v void) send([]byte, []outgoing, troubled) {}
func (v void) Close() error                      { close(v.closed); return nil }

// told turns a datagram of one octet into the word of the network that the octet is the number of.
type told struct{ wire }

func (f told) receive(take func(netip.AddrPort, []byte), trouble troubled) error {
	return f.wire.receive(func(from netip.AddrPort, b []byte) {
		if len(b) == 1 {
			trouble(from, syscall.Errno(b[0]), true)
			return
		}
		take(from, b)
	}, trouble)
}

// detour takes what is for an address to another one, and back. For the rest there is no way.
type detour struct {
	wire
	to   map[netip.Addr]netip.AddrPort
	from map[netip.AddrPort]netip.AddrPort
}

func newDetour(w wire, port uint16, servers map[netip.Addr]*enginetest.ScriptedRADIUS) detour {
	d := detour{told{w}, map[netip.Addr]netip.AddrPort{}, map[netip.AddrPort]netip.AddrPort{}}
	for addr, s := range servers {
		d.to[addr] = s.Addr
		d.from[s.Addr] = netip.AddrPortFrom(addr, port)
	}
	return d
}

func (d detour) send(octets []byte, list []outgoing, trouble troubled) {
	start := 0
	for _, o := range list {
		if to, ok := d.to[o.to.Addr()]; ok {
			d.wire.send(octets[start:o.end], []outgoing{{o.end - start, to, o.answers}}, trouble)
		} else {
			trouble(o.to, syscall.ENETUNREACH, false)
		}
		start = o.end
	}
}

func (d detour) receive(take func(netip.AddrPort, []byte), trouble troubled) error {
	return d.wire.receive(
		func(from netip.AddrPort, b []byte) { take(d.from[from], b) },
		func(to netip.AddrPort, err error, sent bool) { trouble(d.from[to], err, sent) },
	)
}

// with has an Engine's sockets changed.
func with(e *Engine, change func(w wire) wire) *Engine {
	e.sockets.open = func(ipv6 bool) (wire, error) {
		w, err := openWire(ipv6)
		if err != nil {
			return nil, err
		}
		return change(w), nil
	}
	return e
}

// lanes is how many the Client's server has, and how many of them are not silent.
func lanes(t *testing.T, c *client) (all, heard int) {
	t.Helper()
	to, _, err := c.target(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, ok := c.engine.remotes.Load(to)
	if !ok {
		return 0, 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.lanes {
		if !l.silent {
			heard++
		}
	}
	return len(r.lanes), heard
}

// everywhere is a server that accepts what is sent to its port at any address of this machine, from that address, with the
// user's name as the message.
func everywhere(t *testing.T) (port int) {
	t.Helper()
	conn, err := net.ListenUDP("udp4", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadBuffer(4 << 20)
	p := ipv4.NewPacketConn(conn)
	if err := p.SetControlMessage(ipv4.FlagDst, true); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() {
		conn.Close()
		<-ended
	})
	go func() {
		defer close(ended)
		b := make([]byte, radius.MaxPacket)
		for {
			n, at, from, err := p.ReadFrom(b)
			if err != nil {
				return
			}
			user := find(t, b[:n], radius.AttrUserName)
			r := append([]byte{byte(radius.AccessAccept), b[1], 0, byte(radius.HeaderLen + 2 + len(user))}, b[4:radius.HeaderLen]...)
			r = append(append(r, radius.AttrReplyMessage, byte(2+len(user))), user...)
			sum := md5.Sum(append(slices.Clone(r), testSecret...))
			copy(r[4:], sum[:])
			if _, err := p.WriteTo(r, &ipv4.ControlMessage{Src: at.Dst}, from); err != nil {
				t.Error(err)
			}
		}
	}()
	return conn.LocalAddr().(*net.UDPAddr).Port
}
