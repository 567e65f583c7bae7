package actions_test

import (
	"context"
	"encoding/binary"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"aaa-api/internal/aaa"
	"aaa-api/internal/actions"
	"aaa-api/internal/plans"
)

// names is a DNS server: it knows the names it was told and no others.
type names struct {
	t     *testing.T
	hosts map[string][4]byte
	srv   map[string]srv
	dead  bool // never answers
	mu    sync.Mutex
	asked map[string]bool
}

type srv struct {
	target string
	port   uint16
}

func newNames(t *testing.T) *names {
	return &names{t: t, hosts: map[string][4]byte{}, srv: map[string]srv{}, asked: map[string]bool{}}
}

// resolver asks it over a pipe.
func (n *names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe() // a stream, as of TCP: messages have their length before them
		go n.serve(server)
		return client, nil
	}}
}

func (n *names) serve(conn net.Conn) {
	defer conn.Close()
	buf := make([]byte, 4096)
	for {
		size, err := conn.Read(buf[:2])
		if err != nil || size != 2 {
			return
		}
		length := int(binary.BigEndian.Uint16(buf))
		for at := 0; at < length; {
			size, err := conn.Read(buf[at:length])
			if err != nil {
				return
			}
			at += size
		}
		if n.dead {
			continue
		}
		reply := n.answer(buf[:length])
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
			return
		}
	}
}

func (n *names) answer(query []byte) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil || len(m.Questions) != 1 {
		n.t.Errorf("DNS question: %v", err)
		return nil
	}
	q := m.Questions[0]
	name := strings.ToLower(q.Name.String())
	n.mu.Lock()
	n.asked[name] = true
	n.mu.Unlock()
	m.Response, m.Authoritative, m.RecursionAvailable, m.Additionals = true, true, true, nil
	head := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
	host, isHost := n.hosts[name]
	record, isSRV := n.srv[name]
	switch {
	case isHost && q.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AResource{A: host}}}
	case isSRV && q.Type == dnsmessage.TypeSRV:
		m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.SRVResource{Target: dnsmessage.MustNewName(record.target), Port: record.port}}}
	case !isHost && !isSRV:
		m.RCode = dnsmessage.RCodeNameError
	}
	reply, err := m.Pack()
	if err != nil {
		n.t.Errorf("DNS answer: %v", err)
	}
	return reply
}

func TestRADDNS(t *testing.T) {
	t.Parallel()
	servers := []*plans.Server{
		{Name: "one", Address: "one.example.com:1812"},
		{Name: "two", Address: "two.example.com:1812"},
		{Name: "v4", Address: "192.0.2.1:1812"},
		{Name: "v6", Address: "[2001:db8::1]:1812"},
		{Name: "gone", Address: "gone.example.com:1812"},
	}
	for _, c := range []struct {
		name  string
		list  []*plans.Server
		want  string
		asked int
	}{
		{"one", nil, "ACK", 1},
		{"v4", nil, "ACK", 0},
		{"v6", nil, "ACK", 0},
		{"gone", nil, "ERROR", 1},
		{"nobody", nil, "ERROR", 0},
		{"authentication", nil, "ERROR", 0},
		{"authentication", servers[:4], "ACK", 2},
		{"authentication", servers, "ERROR", 3},
	} {
		dns := newNames(t)
		dns.hosts["one.example.com."] = [4]byte{192, 0, 2, 1}
		dns.hosts["two.example.com."] = [4]byte{192, 0, 2, 2}
		a := newOneAction(t, actions.RADDNS{Resolver: dns.resolver()}, "Xstring="+c.name)
		a.level.Servers, a.level.Lists[aaa.Authn] = servers, c.list
		if got := a.login(t, "bob", "x"); got != c.want {
			t.Errorf("%s of %d: %s, want %s\n%s", c.name, len(c.list), got, c.want, a.log)
		}
		dns.mu.Lock()
		if len(dns.asked) > c.asked || c.want == "ACK" && len(dns.asked) != c.asked {
			t.Errorf("%s of %d: names asked for: %v", c.name, len(c.list), dns.asked)
		}
		dns.mu.Unlock()
		if c.want == "ERROR" && !strings.Contains(a.log.String(), "RADDNS") {
			t.Errorf("%s: nothing in the log", c.name)
		}
	}
}

// TestRADDNSSilence ends with the request, long before the resolver gives up by itself (after 10 s).
func TestRADDNSSilence(t *testing.T) {
	t.Parallel()
	dns := newNames(t)
	dns.dead = true
	a := newOneAction(t, actions.RADDNS{Resolver: dns.resolver()}, "Xstring=one")
	a.level.Servers = []*plans.Server{{Name: "one", Address: "one.example.com:1812"}}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, _ = a.router.Handle(ctx, a.plan, &aaa.Request{Account: account, Op: aaa.Authn}, start)
	if took := time.Since(start); took > 9*time.Second {
		t.Errorf("it took %s", took)
	}
}
