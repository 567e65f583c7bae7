package enginetest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/radius"
)

// RADSECPeer is a RADIUS server over TLS on loopback that runs a test's script once for each connection.
type RADSECPeer struct {
	Addr   netip.AddrPort
	Secret string
	TLS    *tls.Config // of the server
	Client *tls.Config

	mu    sync.Mutex
	conns int
	open  map[net.Conn]bool
	wg    sync.WaitGroup
}

// RADSECLink is a connection to a RADSECPeer.
type RADSECLink struct {
	*RADSECPeer
	net.Conn
	Reader *bufio.Reader
	N      int  // the connection's number, from 1
	V11    bool // radius/1.1 was negotiated
}

// NewRADSECPeer starts a server that wants a client certificate and takes the protocols given in TLS's negotiation. It ends with the test.
func NewRADSECPeer(t testing.TB, secret string, protocols []string, script func(*RADSECLink)) *RADSECPeer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &RADSECPeer{Addr: ln.Addr().(*net.TCPAddr).AddrPort(), Secret: secret, open: make(map[net.Conn]bool)}
	p.TLS, p.Client = MutualTLS(t)
	p.TLS.NextProtos = protocols
	p.wg.Go(func() {
		for {
			raw, err := ln.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			p.conns++
			n := p.conns
			p.open[raw] = true
			p.mu.Unlock()
			p.wg.Go(func() { p.serve(raw, n, script) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		p.mu.Lock()
		for c := range p.open {
			c.Close()
		}
		p.mu.Unlock()
		p.wg.Wait()
	})
	return p
}

func (p *RADSECPeer) serve(raw net.Conn, n int, script func(*RADSECLink)) {
	c := tls.Server(raw, p.TLS)
	if c.Handshake() == nil {
		script(&RADSECLink{p, c, bufio.NewReader(c), n, c.ConnectionState().NegotiatedProtocol == radius.ALPN11})
	}
	raw.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, raw)
}

// Server is the entry of a document for the server.
func (p *RADSECPeer) Server(t testing.TB) aaa.Server {
	t.Helper()
	s := aaa.Server{
		Name: "radsec", Address: p.Addr.Addr().String(), Port: int(p.Addr.Port()), Transport: "tls", TLS: Members(t, p.TLS, p.Client), Timeout: 10_000,
	}
	if p.Secret != radius.TLSSecret {
		s.Secret = aaa.NewSecret(p.Secret)
	}
	return s
}

// Accepted is how many connections came.
func (p *RADSECPeer) Accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conns
}

// Next reads a packet. ok is false at the connection's end.
func (l *RADSECLink) Next() (b []byte, ok bool) {
	head, err := l.Reader.Peek(4)
	if err != nil {
		return nil, false
	}
	b = make([]byte, binary.BigEndian.Uint16(head[2:]))
	if _, err := io.ReadFull(l.Reader, b); err != nil {
		return nil, false
	}
	return b, true
}

// Answer makes a reply that verifies.
func (l *RADSECLink) Answer(request []byte, code radius.Code, attributes ...byte) []byte {
	if l.V11 {
		token := radius.Token(binary.BigEndian.Uint32(request[4:]))
		b := append(radius.AppendHeader11(nil, code, token), attributes...)
		radius.Finish11(b, token)
		return b
	}
	auth := radius.Authenticator(bytes.Clone(request[4:radius.HeaderLen]))
	b := radius.AppendHeader(nil, code, request[1], &auth)
	if code != radius.AccountingResponse {
		b = radius.AppendMAC(b)
	}
	b = append(b, attributes...)
	radius.NewKey([]byte(l.Secret)).SignReply(b, &auth)
	return b
}

// Send writes a packet.
func (l *RADSECLink) Send(b []byte) { _, _ = l.Write(b) }

// Serve answers each request by the codes that answer it, with the attributes given.
func (l *RADSECLink) Serve(access radius.Code, attributes ...byte) {
	for b, ok := l.Next(); ok; b, ok = l.Next() {
		switch radius.Code(b[0]) {
		case radius.AccountingRequest:
			l.Send(l.Answer(b, radius.AccountingResponse))
		case radius.StatusServer:
			l.Send(l.Answer(b, radius.AccessAccept))
		default:
			l.Send(l.Answer(b, access, attributes...))
		}
	}
}
