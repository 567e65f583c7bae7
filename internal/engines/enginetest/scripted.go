package enginetest

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/engines"
	"aaa-api/internal/radius"
)

// ScriptedRADIUS is a RADIUS server on loopback that does with each datagram what
// its script says.
type ScriptedRADIUS struct {
	Addr   netip.AddrPort
	Secret string

	conn   *net.UDPConn
	mu     sync.Mutex
	got    [][]byte
	change chan struct{} // closed and renewed with every datagram
}

// Query is a datagram that a ScriptedRADIUS got.
type Query struct {
	Packet []byte
	Count  int // of datagrams that the server got so far, this one included
	From   netip.AddrPort
	Server *ScriptedRADIUS
}

// NewScriptedRADIUS starts a server that ends with the test. The script runs for one
// datagram at a time.
func NewScriptedRADIUS(t testing.TB, secret string, script func(*Query)) *ScriptedRADIUS {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadBuffer(1 << 20)
	s := &ScriptedRADIUS{
		Addr: conn.LocalAddr().(*net.UDPAddr).AddrPort(), Secret: secret,
		conn: conn, change: make(chan struct{}),
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.serve(script)
	}()
	t.Cleanup(func() {
		conn.Close()
		<-ended
	})
	return s
}

func (s *ScriptedRADIUS) serve(script func(*Query)) {
	buf := make([]byte, 65536)
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // a client's closed socket
		}
		q := &Query{Packet: bytes.Clone(buf[:n]), From: from, Server: s}
		s.mu.Lock()
		s.got = append(s.got, q.Packet)
		q.Count = len(s.got)
		close(s.change)
		s.change = make(chan struct{})
		s.mu.Unlock()
		script(q)
	}
}

// Packets returns the datagrams that arrived so far.
func (s *ScriptedRADIUS) Packets() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([][]byte(nil), s.got...)
}

// Wait returns once n datagrams have arrived. A test that waits for a minute fails.
func (s *ScriptedRADIUS) Wait(t testing.TB, n int) {
	t.Helper()
	late := time.After(time.Minute)
	for {
		s.mu.Lock()
		have, change := len(s.got), s.change
		s.mu.Unlock()
		if have >= n {
			return
		}
		select {
		case <-change:
		case <-late:
			t.Fatalf("%d datagrams have come in a minute, want %d", have, n)
		}
	}
}

// Send sends a datagram back.
func (q *Query) Send(b []byte) { _, _ = q.Server.conn.WriteToUDPAddrPort(b, q.From) }

// SendFromElsewhere sends a datagram back from another port.
func (q *Query) SendFromElsewhere(b []byte) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = conn.WriteToUDPAddrPort(b, q.From)
}

// Answer makes a reply that verifies: Message-Authenticator first, then the attributes given.
func (q *Query) Answer(code radius.Code, attributes ...byte) []byte {
	return q.sign(append(radius.AppendMAC(q.header(code)), attributes...))
}

// Bare makes a reply that verifies, without a Message-Authenticator.
func (q *Query) Bare(code radius.Code, attributes ...byte) []byte {
	return q.sign(append(q.header(code), attributes...))
}

func (q *Query) header(code radius.Code) []byte {
	return radius.AppendHeader(nil, code, q.Packet[1], (*radius.Authenticator)(q.Packet[4:]))
}

func (q *Query) sign(b []byte) []byte {
	radius.NewKey([]byte(q.Server.Secret)).SignReply(b, (*radius.Authenticator)(q.Packet[4:]))
	return b
}

// OverZeros is Answer with its Message-Authenticator computed as if the packet's authenticator were zeros. What no codec
// should make is made by hand.
func (q *Query) OverZeros(code radius.Code) []byte {
	b := radius.AppendMAC(radius.AppendHeader(nil, code, q.Packet[1], new(radius.Authenticator)))
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	h := hmac.New(md5.New, []byte(q.Server.Secret))
	h.Write(b)
	copy(b[radius.HeaderLen+2:], h.Sum(nil))
	return q.authenticate(b)
}

// WrongMAC is Answer with a Message-Authenticator that is wrong and a Response Authenticator that is right.
func (q *Query) WrongMAC(code radius.Code) []byte {
	b := q.Answer(code)
	b[radius.HeaderLen+5] ^= 1
	return q.authenticate(b)
}

// authenticate computes the Response Authenticator (RFC 2865 §3) of a packet that is not to be signed otherwise.
func (q *Query) authenticate(b []byte) []byte {
	copy(b[4:20], q.Packet[4:20])
	sum := md5.Sum(append(bytes.Clone(b), q.Server.Secret...))
	copy(b[4:20], sum[:])
	return b
}

// Misdeed is a reply that a client must drop.
type Misdeed struct {
	Name string
	// Seen: the client can tell which request the reply claims to answer, so it reports BadReply if nothing better comes.
	Seen bool
	Kind error // what the client then reports it as
	Do   func(q *Query)
}

// Misdeeds are replies that no client may take for the answer to an Access-Request.
var Misdeeds = []Misdeed{
	{"wrong Response Authenticator", true, engines.ErrUnverified, func(q *Query) {
		b := q.Answer(radius.AccessAccept)
		b[10] ^= 1
		q.Send(b)
	}},
	{"forged without the secret", true, engines.ErrUnverified, func(q *Query) {
		other := *q
		other.Server = &ScriptedRADIUS{Secret: "not " + q.Server.Secret}
		q.Send(other.Answer(radius.AccessAccept))
	}},
	{"another request's identifier", false, nil, func(q *Query) {
		other := *q
		other.Packet = bytes.Clone(q.Packet)
		other.Packet[1] += 100
		q.Send(other.Answer(radius.AccessAccept))
	}},
	{"another request's authenticator", true, engines.ErrUnverified, func(q *Query) {
		other := *q
		other.Packet = bytes.Clone(q.Packet)
		other.Packet[4] ^= 1
		q.Send(other.Answer(radius.AccessAccept))
	}},
	{"from another port", false, nil, func(q *Query) { q.SendFromElsewhere(q.Answer(radius.AccessAccept)) }},
	{"truncated", true, engines.ErrMalformed, func(q *Query) { q.Send(q.Answer(radius.AccessAccept)[:30]) }},
	{"shorter than a header", true, engines.ErrMalformed, func(q *Query) { q.Send(q.Answer(radius.AccessAccept)[:19]) }},
	{"one octet", false, nil, func(q *Query) { q.Send([]byte{byte(radius.AccessAccept)}) }},
	{"empty", false, nil, func(q *Query) { q.Send(nil) }},
	{"length field under 20", true, engines.ErrMalformed, func(q *Query) {
		b := q.Answer(radius.AccessAccept)
		b[2], b[3] = 0, 19
		q.Send(b)
	}},
	{"oversized", true, engines.ErrMalformed, func(q *Query) {
		var long []byte
		for range 17 {
			long = append(append(long, 18, 255), make([]byte, 253)...)
		}
		q.Send(q.Answer(radius.AccessAccept, long...))
	}},
	{"oversized with a small length field", true, engines.ErrMalformed, func(q *Query) {
		q.Send(append(q.Answer(radius.AccessAccept), make([]byte, 4096)...))
	}},
	{"attribute of length 0", true, engines.ErrMalformed, func(q *Query) { q.Send(q.Answer(radius.AccessAccept, 18, 0)) }},
	{"attribute of length 1", true, engines.ErrMalformed, func(q *Query) { q.Send(q.Answer(radius.AccessAccept, 18, 1)) }},
	{"attribute past the end", true, engines.ErrMalformed, func(q *Query) { q.Send(q.Answer(radius.AccessAccept, 18, 9, 'x')) }},
	{"attribute of one octet at the end", true, engines.ErrMalformed, func(q *Query) { q.Send(q.Answer(radius.AccessAccept, 18)) }},
	{"wrong Message-Authenticator", true, engines.ErrUnverified, func(q *Query) {
		q.Send(q.WrongMAC(radius.AccessAccept))
	}},
	{"two Message-Authenticators", true, engines.ErrMalformed, func(q *Query) {
		q.Send(q.Answer(radius.AccessAccept, append([]byte{80, 18}, make([]byte, md5.Size)...)...))
	}},
	{"short Message-Authenticator", true, engines.ErrMalformed, func(q *Query) { q.Send(q.Bare(radius.AccessAccept, 80, 3, 0)) }},
	{"a code that answers no Access-Request", true, engines.ErrMalformed, func(q *Query) { q.Send(q.Answer(radius.AccountingResponse)) }},
	{"its own request sent back", true, engines.ErrMalformed, func(q *Query) { q.Send(q.Packet) }},
}
