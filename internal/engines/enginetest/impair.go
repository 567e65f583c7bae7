package enginetest

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// Impair puts a path between UDP clients and a server that treats each datagram as
// plan says: how many copies arrive (0: lost), and how much later. n counts the datagrams of
// both directions from 1. It returns the address that clients send to, and ends with the test.
func Impair(t testing.TB, server netip.AddrPort, plan func(n int, toServer bool) (copies int, delay time.Duration)) netip.AddrPort {
	t.Helper()
	front, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	p := &path{front: front, server: server, plan: plan, backs: map[netip.AddrPort]*net.UDPConn{}}
	p.running.Go(p.forward)
	t.Cleanup(p.close)
	return front.LocalAddr().(*net.UDPAddr).AddrPort()
}

// path keeps a socket towards the server for each client's, as NAT does.
type path struct {
	front   *net.UDPConn
	server  netip.AddrPort
	plan    func(int, bool) (int, time.Duration)
	running sync.WaitGroup

	mu     sync.Mutex
	n      int
	closed bool
	backs  map[netip.AddrPort]*net.UDPConn
}

func (p *path) close() {
	p.mu.Lock()
	p.closed = true
	p.front.Close()
	for _, c := range p.backs {
		c.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

// pass delivers a datagram as planned.
func (p *path) pass(b []byte, toServer bool, send func([]byte)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	copies, delay := p.plan(p.n, toServer)
	for range copies {
		if p.closed {
			return
		}
		own := bytes.Clone(b)
		p.running.Add(1)
		time.AfterFunc(delay, func() {
			defer p.running.Done()
			send(own)
		})
	}
}

func (p *path) forward() {
	buf := make([]byte, 65536)
	for {
		n, from, err := p.front.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		if back := p.back(from); back != nil {
			p.pass(buf[:n], true, func(b []byte) { _, _ = back.Write(b) })
		}
	}
}

// back returns the socket towards the server for a client's address.
func (p *path) back(client netip.AddrPort) *net.UDPConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.backs[client]; c != nil || p.closed {
		return c
	}
	c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(p.server))
	if err != nil {
		return nil
	}
	p.backs[client] = c
	p.running.Go(func() {
		buf := make([]byte, 65536)
		for {
			n, err := c.Read(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				p.pass(buf[:n], false, func(b []byte) { _, _ = p.front.WriteToUDPAddrPort(b, client) })
			}
		}
	})
	return c
}
