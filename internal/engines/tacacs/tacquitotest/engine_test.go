package tacquitotest

import (
	"context"
	"net"
	"strconv"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/tacacs"
)

// client opens the engine's client of a server, as a document would have it.
func client(t *testing.T, s *server) engines.Client {
	t.Helper()
	return clientWith(t, s, tacacs.EngineOptions{})
}

func clientWith(t *testing.T, s *server, opts tacacs.EngineOptions) engines.Client {
	t.Helper()
	host, text, err := net.SplitHostPort(s.addr)
	must(t, err)
	port, err := strconv.Atoi(text)
	must(t, err)
	c, err := tacacs.New(opts).Open(engines.Config{Account: "a", Server: aaa.Server{
		Name: "tacquito", Engine: tacacs.Name, Address: host, Port: port, Secret: aaa.NewSecret(sharedSecret), Timeout: 60_000,
	}})
	must(t, err)
	t.Cleanup(c.Retire)
	return c
}

// ask exchanges a request of attributes written name=value.
func ask(t *testing.T, c engines.Client, op aaa.Op, state []byte, pairs ...string) *engines.Reply {
	t.Helper()
	catalog, err := dict.LoadSystem("")
	must(t, err)
	own, _ := catalog.Get("dictionary_tacacs")
	standard, _ := catalog.Get("dictionary")
	set := dict.NewSet(own, standard)
	req := &engines.Request{Op: op, Dict: set}
	for _, p := range pairs {
		name, text, _ := strings.Cut(p, "=")
		value, err := set.Encode(set.ByName(name), text)
		must(t, err)
		req.AVPs = append(req.AVPs, aaa.AVP{Attr: set.ByName(name), Value: value})
	}
	if state != nil {
		req.AVPs = append(req.AVPs, aaa.AVP{Attr: set.ByName("State"), Value: state})
	}
	r, err := c.Exchange(context.Background(), req)
	must(t, err)
	return r
}

// outcome fails the test unless the reply is of that outcome.
func outcome(t *testing.T, what string, r *engines.Reply, want aaa.Outcome) {
	t.Helper()
	if r.Outcome != want {
		t.Errorf("%s: %+v, want %v", what, r, want)
	}
}

func TestEngineAuthenticates(t *testing.T) {
	t.Parallel()
	c := client(t, start(t, sharedSecret, nil))
	who := []string{"user=bob", "port=tty1", "rem_addr=192.0.2.7"}
	outcome(t, "PAP", ask(t, c, aaa.Authn, nil, append(who, "password="+password)...), aaa.Accept)
	outcome(t, "PAP, wrong password", ask(t, c, aaa.Authn, nil, append(who, "password=wrong")...), aaa.Reject)

	outcome(t, "ASCII at once", ask(t, c, aaa.Authn, nil, append(who, "password="+password, "authen_type=ascii")...), aaa.Accept)
	for answer, want := range map[string]aaa.Outcome{password: aaa.Accept, "wrong": aaa.Reject} {
		r := ask(t, c, aaa.Authn, nil, "port=tty1", "rem_addr=192.0.2.7")
		if outcome(t, "name", r, aaa.Challenge); r.Prompt != "username:" || !r.Echo {
			t.Errorf("%+v", r)
		}
		r = ask(t, c, aaa.Authn, r.State, "user=bob")
		if outcome(t, "password", r, aaa.Challenge); r.Prompt != "password:" || r.Echo {
			t.Errorf("%+v", r)
		}
		outcome(t, answer, ask(t, c, aaa.Authn, r.State, "password="+answer), want)
	}
}

func TestEngineAuthorizes(t *testing.T) {
	t.Parallel()
	c := client(t, start(t, sharedSecret, nil))
	for command, want := range map[string]aaa.Outcome{
		"show version": aaa.Accept, "ping 192.0.2.1": aaa.Accept, "ping 192.0.2.2": aaa.Reject, "reload": aaa.Reject,
	} {
		words := strings.Fields(command)
		pairs := []string{"user=bob", "port=tty1", "rem_addr=192.0.2.7", "cmd=" + words[0]}
		for _, w := range words[1:] {
			pairs = append(pairs, "cmd-arg="+w)
		}
		outcome(t, command, ask(t, c, aaa.Authz, nil, pairs...), want)
		outcome(t, command, ask(t, c, aaa.Custom, nil, pairs...), want)
	}
	r := ask(t, c, aaa.Authz, nil, "user=bob", "port=tty1", "service=exec", "cmd=")
	outcome(t, "exec", r, aaa.Accept)
	for _, v := range r.AVPs {
		if v.Attr.Name == "priv-lvl" && string(v.Value) == "15" {
			return
		}
	}
	t.Errorf("no priv-lvl in %+v", r)
}

func TestEngineAccounts(t *testing.T) {
	t.Parallel()
	s := start(t, sharedSecret, nil)
	c := client(t, s)
	for _, status := range []string{"Start", "Interim-Update", "Stop"} {
		r := ask(t, c, aaa.Accounting, nil, "user=bob", "port=tty1", "rem_addr=192.0.2.7",
			"Acct-Status-Type="+status, "Acct-Session-Id=task-"+status, "Acct-Session-Time=42")
		outcome(t, status, r, aaa.Accept)
	}
	records := s.records()
	if len(records) != 3 {
		t.Fatalf("%d records: %q", len(records), records)
	}
	for i, want := range []string{"task-Start", "task-Interim-Update", "task-Stop"} {
		if !strings.Contains(records[i], "task_id="+want) || !strings.Contains(records[i], "elapsed_time=42") {
			t.Errorf("record %d: %s", i, records[i])
		}
	}
}
