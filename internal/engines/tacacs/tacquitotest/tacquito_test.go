package tacquitotest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/tacacs/conns"
	"aaa-api/internal/tacacs"
)

func pap(user, password string) *tacacs.AuthenStart {
	return &tacacs.AuthenStart{
		Action: tacacs.ActionLogin, PrivLvl: tacacs.PrivUser, Method: tacacs.AuthenPAP, Service: tacacs.ServiceLogin,
		User: user, Port: "tty1", RemAddr: "192.0.2.7", Data: tacacs.Sensitive(password),
	}
}

func identity(user string) tacacs.Identity {
	return tacacs.Identity{
		AuthenMethod: tacacs.MethodTACACSPlus, PrivLvl: tacacs.PrivUser, AuthenType: tacacs.AuthenASCII,
		AuthenService: tacacs.ServiceLogin, User: user, Port: "tty1", RemAddr: "192.0.2.7",
	}
}

func typed(s string) *tacacs.AuthenContinue {
	return &tacacs.AuthenContinue{UserMsg: tacacs.Sensitive(s)}
}

// modes are the ways to use connections; all tests run in each.
var modes = map[string]conns.Options{
	"one connection":    {Connections: 1},
	"four connections":  {},
	"a connection each": {NoSingleConnect: true},
}

func inModes(t *testing.T, test func(*testing.T, *server, *conns.Manager)) {
	for name, opts := range modes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, sharedSecret, nil)
			test(t, s, manager(t, s, opts))
		})
	}
}

func TestPAP(t *testing.T) {
	t.Parallel()
	inModes(t, func(t *testing.T, _ *server, m *conns.Manager) {
		for _, tc := range []struct {
			user, password string
			want           tacacs.AuthenStatus
		}{
			{"bob", password, tacacs.AuthenPass}, {"bob", "wrong", tacacs.AuthenFail}, {"alice", password, tacacs.AuthenFail},
		} {
			var r tacacs.AuthenReply
			must(t, m.Exchange(context.Background(), pap(tc.user, tc.password), &r))
			if r.Status != tc.want {
				t.Errorf("%s with %s: %v", tc.user, tc.password, r.Status)
			}
		}
	})
}

// TestASCII is a login in which the server asks for the name and the password.
func TestASCII(t *testing.T) {
	t.Parallel()
	inModes(t, func(t *testing.T, _ *server, m *conns.Manager) {
		for answer, want := range map[string]tacacs.AuthenStatus{password: tacacs.AuthenPass, "wrong": tacacs.AuthenFail} {
			s := m.Session()
			var r tacacs.AuthenReply
			must(t, s.Exchange(context.Background(), &tacacs.AuthenStart{Action: tacacs.ActionLogin, Method: tacacs.AuthenASCII, Service: tacacs.ServiceLogin}, &r))
			if r.Status != tacacs.AuthenGetUser || r.ServerMsg != "username:" || r.NoEcho() {
				t.Fatalf("%+v", r)
			}
			must(t, s.Exchange(context.Background(), typed("bob"), &r))
			if r.Status != tacacs.AuthenGetPass || r.ServerMsg != "password:" || !r.NoEcho() {
				t.Fatalf("%+v", r)
			}
			must(t, s.Exchange(context.Background(), typed(answer), &r))
			if r.Status != want {
				t.Errorf("%s: %+v", answer, r)
			}
		}
	})
}

// TestAbort: tacquito answers an abort, to which the protocol knows no answer.
func TestAbort(t *testing.T) {
	t.Parallel()
	inModes(t, func(t *testing.T, _ *server, m *conns.Manager) {
		s := m.Session()
		var r tacacs.AuthenReply
		must(t, s.Exchange(context.Background(), &tacacs.AuthenStart{Action: tacacs.ActionLogin, Method: tacacs.AuthenASCII}, &r))
		s.Abort("the user hung up")
		must(t, m.Exchange(context.Background(), pap("bob", password), &r))
		if r.Status != tacacs.AuthenPass {
			t.Errorf("%+v", r)
		}
	})
}

func TestCommandAuthorization(t *testing.T) {
	t.Parallel()
	inModes(t, func(t *testing.T, _ *server, m *conns.Manager) {
		for command, want := range map[string]tacacs.AuthorStatus{
			"show version": tacacs.AuthorPassAdd, "ping 192.0.2.1": tacacs.AuthorPassAdd,
			"ping 192.0.2.2": tacacs.AuthorFail, "reload": tacacs.AuthorFail,
		} {
			words := strings.Fields(command)
			args := []string{"service=shell", "cmd=" + words[0]}
			for _, w := range words[1:] {
				args = append(args, "cmd-arg="+w)
			}
			var r tacacs.AuthorReply
			must(t, m.Exchange(context.Background(), &tacacs.AuthorRequest{Identity: identity("bob"), Args: args}, &r))
			if r.Status != want {
				t.Errorf("%s: %+v", command, r)
			}
		}
		var r tacacs.AuthorReply
		must(t, m.Exchange(context.Background(), &tacacs.AuthorRequest{Identity: identity("bob"), Args: []string{"service=exec", "cmd="}}, &r))
		if r.Status != tacacs.AuthorPassAdd && r.Status != tacacs.AuthorPassRepl || !slices.ContainsFunc(r.Args, func(s string) bool {
			a, ok := tacacs.ParseArgument(s)
			return ok && a.Name == "priv-lvl" && a.Value == "15"
		}) {
			t.Errorf("exec: %+v", r)
		}
	})
}

func TestAccounting(t *testing.T) {
	t.Parallel()
	inModes(t, func(t *testing.T, s *server, m *conns.Manager) {
		for i, flags := range []tacacs.AcctFlags{tacacs.AcctStart, tacacs.AcctWatchdog, tacacs.AcctWatchdog | tacacs.AcctStart, tacacs.AcctStop} {
			var r tacacs.AcctReply
			record := &tacacs.AcctRequest{Flags: flags, Identity: identity("bob"), Args: []string{fmt.Sprintf("task_id=%d", i), "service=shell"}}
			must(t, m.Exchange(context.Background(), record, &r))
			if r.Status != tacacs.AcctSuccess {
				t.Errorf("%+v", r)
			}
			if got := s.records(); len(got) != i+1 || !strings.Contains(got[i], fmt.Sprintf("task_id=%d", i)) {
				t.Errorf("the server wrote %q", got)
			}
		}
	})
}

// TestManyAtOnce: sessions of all kinds interleave, and each gets its own answer.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	inModes(t, func(t *testing.T, _ *server, m *conns.Manager) {
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				switch i % 4 {
				case 0, 1:
					word, want := password, tacacs.AuthenPass
					if i%4 == 1 {
						word, want = "wrong", tacacs.AuthenFail
					}
					s := m.Session()
					var r tacacs.AuthenReply
					for _, send := range []tacacs.Request{
						&tacacs.AuthenStart{Action: tacacs.ActionLogin, Method: tacacs.AuthenASCII, User: "bob"}, typed(word),
					} {
						if err := s.Exchange(context.Background(), send, &r); err != nil {
							t.Error(err)
							return
						}
					}
					if r.Status != want {
						t.Errorf("login with %s: %+v", word, r)
					}
				case 2:
					var r tacacs.AuthorReply
					err := m.Exchange(context.Background(), &tacacs.AuthorRequest{Identity: identity("bob"), Args: []string{"service=shell", "cmd=reload"}}, &r)
					if err != nil || r.Status != tacacs.AuthorFail {
						t.Errorf("%+v, %v", r, err)
					}
				case 3:
					var r tacacs.AcctReply
					err := m.Exchange(context.Background(), &tacacs.AcctRequest{Flags: tacacs.AcctStop, Identity: identity("bob")}, &r)
					if err != nil || r.ServerMsg != "success, logging stopped" {
						t.Errorf("%+v, %v", r, err)
					}
				}
			})
		}
		wg.Wait()
	})
}

// TestWrongSecret: tacquito answers what it can't read under its own secret and closes.
func TestWrongSecret(t *testing.T) {
	t.Parallel()
	s := start(t, sharedSecret, nil)
	var f *engines.Failure
	m := managerWith(t, s, conns.Secrets{Current: aaa.NewSecret("wrong")}, conns.Options{})
	err := m.Exchange(context.Background(), pap("bob", password), new(tacacs.AuthenReply))
	if !errors.As(err, &f) || f.Reason != engines.BadReply || !errors.Is(err, conns.FaultSecret) {
		t.Errorf("%v", err)
	}
	rotating := managerWith(t, s, conns.Secrets{Current: aaa.NewSecret("the next one"), Previous: aaa.NewSecret(sharedSecret)}, conns.Options{})
	for range 3 {
		var r tacacs.AuthenReply
		must(t, rotating.Exchange(context.Background(), pap("bob", password), &r))
		if r.Status != tacacs.AuthenPass {
			t.Errorf("%+v", r)
		}
	}
	if st := rotating.Stats(); st.Connections != 1 {
		t.Errorf("%+v", st)
	}
}

// TestTLS: TACACS+ over TLS 1.3 with certificates on both sides.
func TestTLS(t *testing.T) {
	t.Parallel()
	serverCert, serverPool := certificate(t)
	clientCert, clientPool := certificate(t)
	s := start(t, sharedSecret, &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{serverCert},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clientPool,
	})
	m := managerWith(t, s, conns.Secrets{}, conns.Options{TLS: &tls.Config{RootCAs: serverPool, Certificates: []tls.Certificate{clientCert}}})
	for range 3 {
		var r tacacs.AuthenReply
		must(t, m.Exchange(context.Background(), pap("bob", password), &r))
		if r.Status != tacacs.AuthenPass {
			t.Errorf("%+v", r)
		}
	}
	if st := m.Stats(); st.Connections != 1 || st.Shared != 1 {
		t.Errorf("%+v", st)
	}
}

func certificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	leaf, err := x509.ParseCertificate(der)
	must(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}
