package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines/tacacs/conns"
	"aaa-api/internal/tacacs"
)

// TestRun: the address comes first, then records of accounting; what is not permitted is refused; the end
// of standard input ends it.
func TestRun(t *testing.T) {
	t.Parallel()
	for name, more := range map[string][]string{"configured": nil, "quick": {"-quick"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdin, hold, err := os.Pipe()
			must(t, err)
			out, stdout := io.Pipe()
			done := make(chan error, 1)
			go func() {
				done <- run(append([]string{
					"-secret", "shared", "-user", "bob:correct:horse", "-user", "eve:x", "-permit", "show .*", "-permit", "ping 192\\.0\\.2\\.1",
				}, more...), stdin, stdout)
			}()
			lines := bufio.NewReader(out)
			m, err := conns.NewManager(line(t, lines), conns.Secrets{Current: aaa.NewSecret("shared")}, conns.Options{ReplyTimeout: time.Minute})
			must(t, err)
			defer m.Retire()

			for _, login := range []struct {
				user, password string
				want           tacacs.AuthenStatus
			}{{"bob", "correct:horse", tacacs.AuthenPass}, {"eve", "correct:horse", tacacs.AuthenFail}, {"eve", "x", tacacs.AuthenPass}} {
				var r tacacs.AuthenReply
				must(t, m.Exchange(t.Context(), &tacacs.AuthenStart{
					Action: tacacs.ActionLogin, Method: tacacs.AuthenPAP, User: login.user, Data: tacacs.Sensitive(login.password),
				}, &r))
				if r.Status != login.want {
					t.Errorf("%+v: %v", login, r.Status)
				}
			}
			if name == "configured" {
				fully(t, m, lines)
			}
			hold.Close()
			must(t, <-done)
		})
	}
}

// fully is all but PAP.
func fully(t *testing.T, m *conns.Manager, lines *bufio.Reader) {
	t.Helper()
	ascii(t, m, "bob", "correct:horse")

	who := tacacs.Identity{AuthenMethod: tacacs.MethodTACACSPlus, AuthenType: tacacs.AuthenASCII, User: "bob"}
	for command, want := range map[string]tacacs.AuthorStatus{"show ip": tacacs.AuthorPassAdd, "reload now": tacacs.AuthorFail} {
		word, arg, _ := strings.Cut(command, " ")
		var r tacacs.AuthorReply
		must(t, m.Exchange(t.Context(), &tacacs.AuthorRequest{Identity: who, Args: []string{"service=shell", "cmd=" + word, "cmd-arg=" + arg}}, &r))
		if r.Status != want {
			t.Errorf("%s: %v", command, r.Status)
		}
	}
	record := make(chan string, 1)
	go func() { record <- line(t, lines) }()
	var r tacacs.AcctReply
	must(t, m.Exchange(t.Context(), &tacacs.AcctRequest{Flags: tacacs.AcctStart, Identity: who, Args: []string{"task_id=17"}}, &r))
	if got := <-record; r.Status != tacacs.AcctSuccess || !strings.Contains(got, "task_id=17") {
		t.Errorf("%v, wrote %q", r.Status, got)
	}
}

// ascii logs in as the server asks.
func ascii(t *testing.T, m *conns.Manager, user, password string) {
	t.Helper()
	s := m.Session()
	defer s.Close()
	var send tacacs.Request = &tacacs.AuthenStart{Action: tacacs.ActionLogin, Method: tacacs.AuthenASCII}
	for _, want := range []struct {
		status tacacs.AuthenStatus
		answer string
	}{{tacacs.AuthenGetUser, user}, {tacacs.AuthenGetPass, password}, {tacacs.AuthenPass, ""}} {
		var r tacacs.AuthenReply
		must(t, s.Exchange(context.Background(), send, &r))
		if r.Status != want.status {
			t.Fatalf("%+v instead of %v", r, want.status)
		}
		send = &tacacs.AuthenContinue{UserMsg: tacacs.Sensitive(want.answer)}
	}
}

func TestBadFlags(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"", "-secret x", "-user bob:x", "-secret x -user bob", "-secret x -user :x", "-secret x -user bob:x more"} {
		if _, err := parse(strings.Fields(args)); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}

func line(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	s, err := r.ReadString('\n')
	if err != nil {
		t.Error(err)
	}
	return strings.TrimSpace(s)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
