package conns

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/tacacs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type (
	peer = enginetest.TACACSPeer
	link = enginetest.TACACSLink
)

func newPeer(t testing.TB, script func(*link)) *peer {
	return startPeer(t, &peer{Secret: testSecret}, script)
}

func startPeer(t testing.TB, p *peer, script func(*link)) *peer { return p.Start(t, script) }

var (
	pass       = enginetest.TACACSPass
	good       = enginetest.TACACSGood
	eventually = enginetest.Eventually
	newPipes   = enginetest.NewPipes
)

// refuses is one that does not know single connection mode: it serves one session a connection.
func refuses(l *link) {
	for h, body := range l.Requests() {
		l.Send(h.Answer(0), pass(body))
	}
}

// managerOf makes the manager of a peer, which must be empty at the end of the test.
func managerOf(t testing.TB, p *peer, opts Options) *Manager {
	t.Helper()
	return managerWith(t, p, Secrets{Current: aaa.NewSecret(testSecret)}, opts)
}

func managerWith(t testing.TB, p *peer, secrets Secrets, opts Options) *Manager {
	t.Helper()
	m, err := NewManager(p.Listener.Addr().String(), secrets, opts)
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
	m.pace.interleaves = true
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
