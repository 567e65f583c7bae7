package actions_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/actions"
	"aaa-api/internal/fsm"
	"aaa-api/internal/plans"
	"aaa-api/internal/usersfile"
)

const rights = `
bob Password = "` + horse + `"
	Priv-Lvl = 7, Idletime = 10,
	Command-Deny = "show running-config.*",
	Command-Permit = "show .*"
guest Password = "` + horse + `"
	Session-Timeout = 3600
night Password = "*", NAS-Port-Type == Virtual
	Command-Permit = "ping .*"
eve:!
	Priv-Lvl = 15, Command-Permit = ".*"
`

// authorize sends an authorization through the built-in table local.
func authorize(t *testing.T, values aaa.Values) *aaa.Result {
	t.Helper()
	users, faults := usersfile.Parse([]byte(rights))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	a := newOneAction(t, actions.Command{}, "")
	table, bad, _ := fsm.Check([]byte("Start:\n\t*.+AUTHZ.ACK\tCOMMAND\tWait\nWait:\n\t*.COMMAND.ACK\tREPLY\tEnd\n\t*.COMMAND.NAK\tREPLY\tEnd\n\t*.COMMAND.ERROR\tREPLY\tEnd\nEnd:\n"), a.specs)
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	a.level.Tables[aaa.Authz] = &plans.Table{Name: "test", FSM: table}
	a.plan.Routes[aaa.Authz] = a.plan.Routes[aaa.Authn]
	a.level.Files = map[string]*usersfile.File{"users": users}
	res, err := a.router.Handle(t.Context(), a.plan, &aaa.Request{ID: "r", Account: account, Op: aaa.Authz, Values: values}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestCommand(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		why    string
		values aaa.Values
		want   bool
		avps   aaa.Values
	}{
		{"the shell", aaa.Values{"User-Name": "bob", "service": "shell", "cmd": ""}, true, aaa.Values{"Priv-Lvl": "7", "Idletime": "10"}},
		{"the shell, of which nothing is said", aaa.Values{"User-Name": "bob"}, true, aaa.Values{"Priv-Lvl": "7", "Idletime": "10"}},
		{"a command", aaa.Values{"User-Name": "bob", "service": "shell", "cmd": "show", "cmd-arg": []any{"version", "<cr>"}}, true, nil},
		{"a denied one", aaa.Values{"User-Name": "bob", "service": "shell", "cmd": "show", "cmd-arg": []any{"running-config"}}, false, nil},
		{"one that no rule has", aaa.Values{"User-Name": "bob", "service": "shell", "cmd": "reload"}, false, nil},
		{"two commands", aaa.Values{"User-Name": "bob", "cmd": []any{"show", "reload"}, "cmd-arg": "version"}, false, nil},
		{"words without a command", aaa.Values{"User-Name": "bob", "service": "shell", "cmd-arg": "version"}, false, nil},
		{"another service", aaa.Values{"User-Name": "bob", "service": "ppp", "protocol": "ip"}, false, nil},
		{"a user of no device", aaa.Values{"User-Name": "guest", "service": "shell", "cmd": ""}, false, nil},
		{"nobody", aaa.Values{"User-Name": "nobody", "service": "shell", "cmd": ""}, false, nil},
		{"no name", aaa.Values{"service": "shell", "cmd": ""}, false, nil},
		{"two names", aaa.Values{"User-Name": []any{"bob", "eve"}, "service": "shell", "cmd": ""}, false, nil},
		{"a locked user", aaa.Values{"User-Name": "eve", "service": "shell", "cmd": "reload"}, false, nil},
		{"who logs in elsewhere", aaa.Values{"User-Name": "night", "NAS-Port-Type": "Virtual", "cmd": "ping", "cmd-arg": "192.0.2.1"}, true, nil},
		{"a check item that does not fit", aaa.Values{"User-Name": "night", "cmd": "ping", "cmd-arg": "192.0.2.1"}, false, nil},
	} {
		res := authorize(t, c.values)
		if res.IsAuthorized != c.want {
			t.Errorf("%s: %+v", c.why, res)
		}
		if diff := cmp.Diff(c.avps, res.AVPs.Values()); c.avps != nil && diff != "" || c.avps == nil && len(res.AVPs) > 0 {
			t.Errorf("%s: %v", c.why, res.AVPs.Values())
		}
	}
}

// TestEnableByFile: the level that a user asks for by enable is at most the entry's.
func TestEnableByFile(t *testing.T) {
	t.Parallel()
	users, faults := usersfile.Parse([]byte(rights))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for _, c := range []struct {
		name  string
		level any
		want  string
	}{
		{"bob", json.Number("7"), "ACK"},
		{"bob", "user", "ACK"},
		{"bob", json.Number("8"), "NAK"},
		{"bob", "root", "NAK"},
		{"bob", nil, "NAK"},
		{"bob", json.Number("15"), "NAK"},
		{"guest", "user", "NAK"},
	} {
		a := newOneAction(t, actions.File{}, "")
		a.level.Files = map[string]*usersfile.File{"users": users}
		for _, service := range []any{"enable", json.Number("2"), "2"} {
			event, _ := a.run(t, aaa.Values{"User-Name": c.name, "User-Password": "correct horse", "authen_service": service, "priv_lvl": c.level})
			if event != c.want {
				t.Errorf("%s to %v by %v: %s", c.name, c.level, service, event)
			}
		}
	}
}

func TestCommandWithoutFile(t *testing.T) {
	t.Parallel()
	a := newOneAction(t, actions.Command{}, "Xstring=others")
	if event, _ := a.run(t, aaa.Values{"User-Name": "bob"}); event != "ERROR" || !strings.Contains(a.log.String(), "others") {
		t.Errorf("%s\n%s", event, a.log)
	}
}
