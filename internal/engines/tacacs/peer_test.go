package tacacs

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/tacacs"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// peer is a server that does what a test's script says, one call of it a connection.
type peer struct {
	t      testing.TB
	ln     net.Listener // startPeer makes it where there is none
	secret string
	tls    *tls.Config
	quiet  bool // no log

	mu       sync.Mutex
	conns    int
	open     map[net.Conn]bool
	sessions map[uint32]string // letters, in the order they turned up
	log      []string
	wg       sync.WaitGroup
}

// link is a connection to the peer.
type link struct {
	*peer
	net.Conn
	r *bufio.Reader
	n int // which, from 1
}

func newPeer(t testing.TB, script func(*link)) *peer {
	return startPeer(t, &peer{secret: testSecret}, script)
}

func startPeer(t testing.TB, p *peer, script func(*link)) *peer {
	t.Helper()
	if p.ln == nil {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		p.ln = ln
	}
	p.t, p.open, p.sessions = t, make(map[net.Conn]bool), make(map[uint32]string)
	p.wg.Go(func() {
		for {
			c, err := p.ln.Accept()
			if err != nil {
				return
			}
			if p.tls != nil {
				c = tls.Server(c, p.tls)
			}
			p.mu.Lock()
			p.conns++
			l := &link{p, c, bufio.NewReader(c), p.conns}
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
	t.Cleanup(p.stop)
	return p
}

func (p *peer) stop() {
	p.ln.Close()
	p.cut()
	p.wg.Wait()
}

// cut closes all connections.
func (p *peer) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		c.Close()
	}
}

func (p *peer) note(format string, args ...any) {
	if p.quiet {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = append(p.log, fmt.Sprintf(format, args...))
}

// accepted is how many connections there were.
func (p *peer) accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conns
}

// letter names a session in the log.
func (p *peer) letter(id uint32) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sessions[id] == "" {
		p.sessions[id] = string(rune('a' + len(p.sessions)%26))
	}
	return p.sessions[id]
}

func (p *peer) describe(h tacacs.Header, body tacacs.Body) string {
	s := fmt.Sprintf("%s %d", strings.TrimPrefix(fmt.Sprintf("%T", body), "*tacacs."), h.Seq)
	if h.Flags&tacacs.FlagSingleConnect != 0 {
		s += " single"
	}
	return s
}

// wire is the log once it has n lines.
func (p *peer) wire(n int) string {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("%d lines of log", n), func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.log) >= n
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.log, "\n")
}

// next reads a request; false at the end of the connection.
func (l *link) next() (tacacs.Header, tacacs.Body, bool) {
	head := make([]byte, tacacs.HeaderLen)
	if _, err := io.ReadFull(l.r, head); err != nil {
		if err == io.EOF {
			l.note("%d closed by client", l.n)
		}
		return tacacs.Header{}, nil, false
	}
	h, err := tacacs.ParseHeader(head)
	if err != nil {
		l.t.Errorf("client sent header %x: %v", head, err)
		return h, nil, false
	}
	b := make([]byte, h.Length)
	if _, err := io.ReadFull(l.r, b); err != nil {
		return h, nil, false
	}
	body, err := tacacs.NewRequest(h)
	if err != nil {
		l.t.Errorf("client sent header %x: %v", head, err)
		return h, nil, false
	}
	if (h.Flags&tacacs.FlagUnencrypted != 0) != (l.tls != nil) {
		l.t.Errorf("client sent flags %x", h.Flags)
	}
	if err := tacacs.DecodeBody(b, h, l.secret, body); err != nil {
		l.note("%d unreadable", l.n)
		return h, nil, true
	}
	if !l.quiet {
		l.note("%d %s> %s", l.n, l.letter(h.SessionID), l.describe(h, body))
	}
	return h, body, true
}

// requests are those of the connection, up to its end or to one that can't be read.
func (l *link) requests() iter.Seq2[tacacs.Header, tacacs.Body] {
	return func(yield func(tacacs.Header, tacacs.Body) bool) {
		for {
			h, body, ok := l.next()
			if !ok || body == nil || !yield(h, body) {
				return
			}
		}
	}
}

// send sends a packet with the header as it is, but for its length.
func (l *link) send(h tacacs.Header, body tacacs.Body) {
	if l.tls != nil {
		h.Flags |= tacacs.FlagUnencrypted
	}
	if !l.quiet {
		l.note("%d %s< %s", l.n, l.letter(h.SessionID), l.describe(h, body))
	}
	b, err := tacacs.AppendPacket(nil, h, body, l.secret)
	if err != nil {
		l.t.Error(err)
	}
	_, _ = l.Write(b)
}

// pass is the good answer to a request: what each type calls success, once a password has come.
func pass(body tacacs.Body) tacacs.Body {
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

// good is a server that does everything right, in single connection mode where asked for.
func good(l *link) {
	for h, body := range l.requests() {
		if c, ok := body.(*tacacs.AuthenContinue); ok && c.Flags&tacacs.ContinueAbort != 0 {
			continue
		}
		l.send(h.Answer(h.Flags), pass(body))
	}
}

// refuses is one that does not know single connection mode: it serves one session a connection.
func refuses(l *link) {
	for h, body := range l.requests() {
		l.send(h.Answer(0), pass(body))
	}
}

// managerOf makes the manager of a peer, which must be empty at the end of the test.
func managerOf(t testing.TB, p *peer, opts Options) *Manager {
	t.Helper()
	return managerWith(t, p, Secrets{Current: aaa.NewSecret(testSecret)}, opts)
}

func managerWith(t testing.TB, p *peer, secrets Secrets, opts Options) *Manager {
	t.Helper()
	m, err := NewManager(p.ln.Addr().String(), secrets, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.Retire()
		eventually(t, "an empty manager", func() bool {
			s := m.Stats()
			return s.Connections == 0 && s.Sessions == 0 && s.Tombstones == 0
		})
	})
	return m
}

// eventually asks again and again until ok: for what the network and other goroutines do in their own
// time. In a synctest bubble, synctest.Wait tells it at once.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("in vain waited for %s", what)
			return
		}
	}
}

func pap(password string) *tacacs.AuthenStart {
	return &tacacs.AuthenStart{Action: tacacs.ActionLogin, PrivLvl: tacacs.PrivUser, Method: tacacs.AuthenPAP, Service: tacacs.ServiceLogin, User: "bob", Port: "tty1", RemAddr: "192.0.2.7", Data: tacacs.Sensitive(password)}
}

func ascii() *tacacs.AuthenStart {
	return &tacacs.AuthenStart{Action: tacacs.ActionLogin, Method: tacacs.AuthenASCII, Service: tacacs.ServiceLogin, User: "bob"}
}

func typed(s string) *tacacs.AuthenContinue {
	return &tacacs.AuthenContinue{UserMsg: tacacs.Sensitive(s)}
}

func acct() *tacacs.AcctRequest {
	return &tacacs.AcctRequest{Flags: tacacs.AcctStart, Identity: tacacs.Identity{User: "bob", Port: "tty1"}, Args: []string{"task_id=1"}}
}

// login is one PAP login, which must pass.
func login(t testing.TB, m *Manager) {
	t.Helper()
	if err := tryLogin(m); err != nil {
		t.Error(err)
	}
}

func tryLogin(m *Manager) error {
	var r tacacs.AuthenReply
	if err := m.Exchange(context.Background(), pap("password"), &r); err != nil {
		return err
	}
	if r.Status != tacacs.AuthenPass {
		return fmt.Errorf("status %v", r.Status)
	}
	return nil
}

// exchange is a round that must succeed.
func exchange(t testing.TB, s *Session, send tacacs.Request, receive tacacs.Reply) {
	t.Helper()
	if err := s.Exchange(context.Background(), send, receive); err != nil {
		t.Errorf("%T: %v", send, err)
	}
}

// fails checks that err is a Failure of that reason and fault.
func fails(t testing.TB, what string, err error, reason engines.Reason, fault error) {
	t.Helper()
	var f *engines.Failure
	if !errors.As(err, &f) || f.Reason != reason || !errors.Is(err, fault) {
		t.Errorf("%s: %v, want %v: %v", what, err, reason, fault)
	}
}

// interleaving makes a manager believe what a reply that overtakes another one shows.
func interleaving(m *Manager) *Manager {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.interleaves = true
	return m
}

const testSecret = "a secret of at least thirty-two octets"

func authorExample() *tacacs.AuthorRequest {
	return &tacacs.AuthorRequest{
		Identity: tacacs.Identity{
			AuthenMethod: tacacs.MethodTACACSPlus, PrivLvl: tacacs.PrivMax, AuthenType: tacacs.AuthenASCII, AuthenService: tacacs.ServiceLogin,
			User: "bob", Port: "tty1", RemAddr: "192.0.2.7",
		},
		Args: []string{"service=shell", "cmd=show", "cmd-arg=running-config", "cmd-arg=<cr>"},
	}
}
