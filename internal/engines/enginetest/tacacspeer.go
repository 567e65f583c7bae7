package enginetest

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/tacacs"
)

// TACACSPeer is a TACACS+ server that runs a test's script once for each connection.
type TACACSPeer struct {
	Listener net.Listener // nil: Start makes one on loopback
	Secret   string
	TLS      *tls.Config
	Quiet    bool // no log

	t        testing.TB
	mu       sync.Mutex
	conns    int
	open     map[net.Conn]bool
	sessions map[uint32]string // letters, in the order they turned up
	log      []string
	wg       sync.WaitGroup
}

// TACACSLink is a connection to a TACACSPeer.
type TACACSLink struct {
	*TACACSPeer
	net.Conn
	Reader *bufio.Reader
	N      int // the connection's number, from 1
}

// Start starts the server, which ends with the test.
func (p *TACACSPeer) Start(t testing.TB, script func(*TACACSLink)) *TACACSPeer {
	t.Helper()
	if p.Listener == nil {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		p.Listener = ln
	}
	p.t, p.open, p.sessions = t, make(map[net.Conn]bool), make(map[uint32]string)
	p.wg.Go(func() {
		for {
			c, err := p.Listener.Accept()
			if err != nil {
				return
			}
			if p.TLS != nil {
				c = tls.Server(c, p.TLS)
			}
			p.mu.Lock()
			p.conns++
			l := &TACACSLink{p, c, bufio.NewReader(c), p.conns}
			p.open[c] = true
			p.mu.Unlock()
			p.wg.Go(func() {
				script(l)
				c.Close()
				p.mu.Lock()
				delete(p.open, c)
				p.mu.Unlock()
			})
		}
	})
	t.Cleanup(p.Stop)
	return p
}

// Stop ends the server and its connections.
func (p *TACACSPeer) Stop() {
	p.Listener.Close()
	p.Cut()
	p.wg.Wait()
}

// Cut closes all connections.
func (p *TACACSPeer) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		c.Close()
	}
}

func (p *TACACSPeer) note(format string, args ...any) {
	if p.Quiet {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = append(p.log, fmt.Sprintf(format, args...))
}

// Accepted returns the number of connections so far.
func (p *TACACSPeer) Accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conns
}

// letter names a session in the log.
func (p *TACACSPeer) letter(id uint32) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sessions[id] == "" {
		p.sessions[id] = string(rune('a' + len(p.sessions)%26))
	}
	return p.sessions[id]
}

func (p *TACACSPeer) describe(h tacacs.Header, body tacacs.Body) string {
	s := fmt.Sprintf("%s %d", strings.TrimPrefix(fmt.Sprintf("%T", body), "*tacacs."), h.Seq)
	if h.Flags&tacacs.FlagSingleConnect != 0 {
		s += " single"
	}
	return s
}

// Log returns the log so far.
func (p *TACACSPeer) Log() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.log...)
}

// Wire returns the log as soon as it has n lines.
func (p *TACACSPeer) Wire(n int) string {
	p.t.Helper()
	Eventually(p.t, fmt.Sprintf("%d lines of log", n), func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.log) >= n
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.log, "\n")
}

// Under returns the connection under another secret, without a log.
func (l *TACACSLink) Under(secret string) *TACACSLink {
	return &TACACSLink{&TACACSPeer{t: l.t, Secret: secret, TLS: l.TLS, Quiet: true}, l.Conn, l.Reader, l.N}
}

// Next reads a request. The body is nil if it is unreadable under the secret; ok is false at the end of the connection.
func (l *TACACSLink) Next() (h tacacs.Header, body tacacs.Request, ok bool) {
	head := make([]byte, tacacs.HeaderLen)
	if _, err := io.ReadFull(l.Reader, head); err != nil {
		if errors.Is(err, io.EOF) {
			l.note("%d closed by client", l.N)
		}
		return tacacs.Header{}, nil, false
	}
	h, err := tacacs.ParseHeader(head)
	if err != nil {
		l.t.Errorf("client sent header %x: %v", head, err)
		return h, nil, false
	}
	b := make([]byte, h.Length)
	if _, err := io.ReadFull(l.Reader, b); err != nil {
		return h, nil, false
	}
	body, err = tacacs.NewRequest(h)
	if err != nil {
		l.t.Errorf("client sent header %x: %v", head, err)
		return h, nil, false
	}
	if (h.Flags&tacacs.FlagUnencrypted != 0) != (l.TLS != nil) {
		l.t.Errorf("client sent flags %x", h.Flags)
	}
	if err := tacacs.DecodeBody(b, h, l.Secret, body); err != nil {
		l.note("%d unreadable", l.N)
		return h, nil, true
	}
	if !l.Quiet {
		l.note("%d %s> %s", l.N, l.letter(h.SessionID), l.describe(h, body))
	}
	return h, body, true
}

// Requests yields the requests of the connection, up to its end or to an unreadable one.
func (l *TACACSLink) Requests() iter.Seq2[tacacs.Header, tacacs.Request] {
	return func(yield func(tacacs.Header, tacacs.Request) bool) {
		for {
			h, body, ok := l.Next()
			if !ok || body == nil || !yield(h, body) {
				return
			}
		}
	}
}

// Send sends a packet with the header as it is, apart from its length.
func (l *TACACSLink) Send(h tacacs.Header, body tacacs.Body) {
	if l.TLS != nil {
		h.Flags |= tacacs.FlagUnencrypted
	}
	if !l.Quiet {
		l.note("%d %s< %s", l.N, l.letter(h.SessionID), l.describe(h, body))
	}
	b, err := tacacs.AppendPacket(nil, h, body, l.Secret)
	if err != nil {
		l.t.Error(err)
	}
	_, _ = l.Write(b)
}

// TACACSPass returns the answer that grants a request. A login passes with the password "password" and is asked for it.
func TACACSPass(body tacacs.Body) tacacs.Body {
	switch b := body.(type) {
	case *tacacs.AuthenStart:
		if b.Method == tacacs.AuthenASCII {
			return &tacacs.AuthenReply{Status: tacacs.AuthenGetPass, Flags: tacacs.ReplyNoEcho, ServerMsg: "Password:"}
		}
		if string(b.Data) != "password" {
			return &tacacs.AuthenReply{Status: tacacs.AuthenFail}
		}
		return &tacacs.AuthenReply{Status: tacacs.AuthenPass}
	case *tacacs.AuthenContinue:
		if string(b.UserMsg) != "password" {
			return &tacacs.AuthenReply{Status: tacacs.AuthenGetPass, Flags: tacacs.ReplyNoEcho, ServerMsg: "Password:"}
		}
		return &tacacs.AuthenReply{Status: tacacs.AuthenPass}
	case *tacacs.AuthorRequest:
		return &tacacs.AuthorReply{Status: tacacs.AuthorPassAdd}
	default:
		return &tacacs.AcctReply{Status: tacacs.AcctSuccess}
	}
}

// TACACSGood is the script of a server that does everything right, in single connection mode if the client asks for it.
func TACACSGood(l *TACACSLink) {
	for h, body := range l.Requests() {
		if c, ok := body.(*tacacs.AuthenContinue); ok && c.Flags&tacacs.ContinueAbort != 0 {
			continue
		}
		l.Send(h.Answer(h.Flags), TACACSPass(body))
	}
}

// Eventually polls until ok, for what the network and other goroutines do in their own time. A test in a synctest
// bubble has synctest.Wait instead.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("in vain waited for %s", what)
			return
		}
	}
}
