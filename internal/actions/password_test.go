package actions_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/aaa"
	"aaa-api/internal/actions"
	"aaa-api/internal/dict"
	"aaa-api/internal/fsm"
	"aaa-api/internal/limits"
	"aaa-api/internal/plans"
	"aaa-api/internal/pool"
	"aaa-api/internal/router"
	"aaa-api/internal/usersfile"
)

// account is the owner of the document that tests run on.
const account = aaa.AccountID("0123456789abcdef0123456789abcdef")

// oneAction is a machine whose table takes one action and tells what came of it.
type oneAction struct {
	name   string
	specs  *fsm.Actions
	router *router.Router
	plan   *plans.Plan
	level  *plans.CompiledDocument
	log    *logText
}

type logText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var standard = sync.OnceValues(func() (router.Standard, error) {
	catalog, err := dict.LoadSystem("")
	if err != nil {
		return router.Standard{}, err
	}
	return router.StandardOf(catalog.Default())
})

// newOneAction makes the table of an action as a line calls it, with its extras.
func newOneAction(t *testing.T, action router.Action, extras string) *oneAction {
	t.Helper()
	std, err := standard()
	if err != nil {
		t.Fatal(err)
	}
	a := &oneAction{log: &logText{}}
	all := router.NewActions(action, actions.RADIUS{}, actions.Reply{}, actions.Log{}, actions.Ack{}, actions.End, actions.Timeout{}, actions.Null{})
	a.router, err = router.New(router.Options{
		Actions: all, Metrics: router.NewMetrics(prometheus.NewRegistry()),
		Standard: std, Deadline: 20 * time.Second, Log: slog.New(slog.NewTextHandler(a.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	// What is no result of its own is replied to as ACK: the trace tells what it was.
	spec := action.Spec()
	a.name, a.specs = spec.Name, all.Specs()
	text := "Start:\n\t*.+AUTHEN.ACK\t" + spec.Name + "\tWait\t" + extras + "\nWait:\n"
	for _, e := range spec.Later {
		if spec.Decides && e != fsm.ERROR {
			text += "\t*." + spec.Name + "." + e.String() + "\tREPLY\tDone\n"
		} else {
			text += "\t*." + spec.Name + "." + e.String() + "\tACK\tWait\n"
		}
	}
	text += "\t*.ACK.ACK\tREPLY\tDone\nDone:\n\t*.REPLY.ACK\tEND\tEnd\nEnd:\n"
	table, faults, _ := fsm.Check([]byte(text), all.Specs())
	if len(faults) > 0 {
		t.Fatalf("table: %v\n%s", faults, text)
	}
	a.level = &plans.CompiledDocument{Account: account, Mode: aaa.ModeOn, Seldom: &plans.Seldom{}}
	a.level.Tables[aaa.Authn] = &plans.Table{Name: "test", FSM: table}
	a.plan = &plans.Plan{Account: account, Enabled: true, Pool: pool.New(64, 64), Limits: limits.NewAccount(account)}
	a.plan.Routes[aaa.Authn] = plans.Route{Levels: []*plans.CompiledDocument{a.level}, Walk: []plans.Step{{Level: a.level, Note: "used"}}}
	return a
}

// run sends a request through the table, and tells by which event the action answered.
func (a *oneAction) run(t *testing.T, values map[string]any) (string, *aaa.Result) {
	t.Helper()
	res, err := a.router.Handle(t.Context(), a.plan, &aaa.Request{ID: "r", Account: account, Op: aaa.Authn, Values: values, Trace: true}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range res.Trace.FSM {
		if event, ok := strings.CutPrefix(step.Event, "Start."+a.name+"."); ok && step.Action != "" {
			return event, res
		}
	}
	t.Fatalf("no answer in %+v", res.Trace.FSM)
	return "", nil
}

func (a *oneAction) login(t *testing.T, name, password string) string {
	t.Helper()
	event, _ := a.run(t, map[string]any{"User-Name": name, "User-Password": password})
	return event
}

// silent fails where the log holds what nobody may read.
func (a *oneAction) silent(t *testing.T, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		if strings.Contains(a.log.String(), s) {
			t.Errorf("the log shows %q:\n%s", s, a.log)
		}
	}
}

// horse is the hash of "correct horse", made by openssl passwd -1.
const horse = `$1$abcdefgh$y6iHhJNbuC0xpbk0w9pm80`

func TestFile(t *testing.T) {
	t.Parallel()
	users, faults := usersfile.Parse([]byte(`
bob Password = "` + horse + `"
	Session-Timeout = 3600,
	Reply-Message = "Good evening",
	Reply-Message += bob,
	Reply-Message += "!"
guest Password = "` + horse + `", NAS-Port-Type == Virtual, NAS-Port = 5
eve:!
`))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for _, c := range []struct {
		why    string
		extras string
		values map[string]any
		want   string
	}{
		{"right", "", map[string]any{"User-Name": "bob", "User-Password": "correct horse"}, "ACK"},
		{"named file", "Xstring=users", map[string]any{"User-Name": "bob", "User-Password": "correct horse"}, "ACK"},
		{"wrong", "", map[string]any{"User-Name": "bob", "User-Password": "correct house"}, "NAK"},
		{"unknown", "", map[string]any{"User-Name": "Bob", "User-Password": "correct horse"}, "NAK"},
		{"locked", "", map[string]any{"User-Name": "eve", "User-Password": "!"}, "NAK"},
		{"no password", "", map[string]any{"User-Name": "bob", "CHAP-Password": "x"}, "NAK"},
		{"no name", "", map[string]any{"User-Password": "correct horse"}, "NAK"},
		{"two names", "", map[string]any{"User-Name": []any{"bob", "alice"}, "User-Password": "correct horse"}, "NAK"},
		{"two passwords", "", map[string]any{"User-Name": "bob", "User-Password": []any{"correct horse", "wrong"}}, "NAK"},
		{"arrays of one", "", map[string]any{"User-Name": []any{"bob"}, "User-Password": []any{"correct horse"}}, "ACK"},
		{"no such file", "Xstring=others", map[string]any{"User-Name": "bob", "User-Password": "correct horse"}, "ERROR"},
		{"check items", "", map[string]any{"User-Name": "guest", "User-Password": "correct horse", "NAS-Port-Type": "Virtual", "NAS-Port": []any{"4", json.Number("5")}}, "ACK"},
		{"an empty list", "", map[string]any{"User-Name": "guest", "User-Password": "correct horse", "NAS-Port-Type": "Virtual", "NAS-Port": []any{}}, "NAK"},
		{"one is wrong", "", map[string]any{"User-Name": "guest", "User-Password": "correct horse", "NAS-Port-Type": "Virtual", "NAS-Port": "6"}, "NAK"},
		{"one is missing", "", map[string]any{"User-Name": "guest", "User-Password": "correct horse", "NAS-Port": "5"}, "NAK"},
	} {
		t.Run(c.why, func(t *testing.T) {
			t.Parallel()
			a := newOneAction(t, actions.File{}, c.extras)
			a.level.Files = map[string]*usersfile.File{"users": users}
			event, res := a.run(t, c.values)
			if event != c.want {
				t.Errorf("%s, want %s\n%s", event, c.want, a.log)
			}
			if c.values["User-Name"] != "guest" && event == "ACK" {
				want := aaa.Values{"Session-Timeout": "3600", "Reply-Message": []any{"Good evening", "bob", "!"}}
				if diff := cmp.Diff(want, res.AVPs.Values()); diff != "" || res.Outcome != aaa.Accept {
					t.Errorf("%s: %s", res.Outcome, diff)
				}
			} else if res != nil && len(res.AVPs) > 0 {
				t.Errorf("attributes %v", res.AVPs)
			}
			if c.want == "ERROR" && !strings.Contains(a.log.String(), "others") {
				t.Errorf("the log does not tell which file is missing:\n%s", a.log)
			}
			a.silent(t, "correct", horse)
		})
	}
}

func TestUnixPW(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shadow")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("root:*:19000:0:99999:7:::\nold:rEK1ecacw.7.c:1::::::\nbob:" + horse + ":19000:0:99999:7:::\n")
	a := newOneAction(t, actions.NewUnixPW(path, []aaa.AccountID{"ffffffffffffffffffffffffffffffff", account}, nil, 0), "")
	expect := func(name, password, want string) {
		t.Helper()
		if got := a.login(t, name, password); got != want {
			t.Errorf("%s: %s, want %s\n%s", name, got, want, a.log)
		}
	}
	expect("bob", "correct horse", "ACK")
	expect("bob", "wrong", "NAK")
	expect("root", "*", "NAK")
	expect("old", "x", "NAK") // a form that is not known: refused, and no other with it
	expect("carl", "correct horse", "NAK")
	expect("bob", "", "NAK")
	if n := strings.Count(a.log.String(), "can't be used"); n != 1 || !strings.Contains(a.log.String(), "first_line=2") {
		t.Errorf("the entry that can't be used is told %d times:\n%s", n, a.log)
	}

	// The same size and, for a coarse clock, the same time.
	put("root:*:19000:0:99999:7:::\nold:rEK1ecacw.7.c:1::::::\ncob:" + horse + ":19000:0:99999:7:::\n")
	expect("bob", "correct horse", "NAK")
	expect("cob", "correct horse", "ACK")
	// A change that only the time tells of: back to bob, long settled.
	long := time.Now().Add(-time.Hour)
	touch := func(at time.Time) {
		t.Helper()
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	touch(long)
	expect("cob", "correct horse", "ACK")
	put("root:*:19000:0:99999:7:::\nold:rEK1ecacw.7.c:1::::::\nbob:" + horse + ":19000:0:99999:7:::\n")
	touch(long.Add(time.Second))
	expect("bob", "correct horse", "ACK")
	// Nothing has changed: the file is not read.
	put("root:*:19000:0:99999:7:::\nold:rEK1ecacw.7.c:1::::::\ncob:" + horse + ":19000:0:99999:7:::\n")
	touch(long.Add(time.Second))
	expect("bob", "correct horse", "ACK")
	// Another file in its place, with all marks but its own.
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	expect("bob", "correct horse", "ERROR")
	put("root:*:19000:0:99999:7:::\nold:rEK1ecacw.7.c:1::::::\ncob:" + horse + ":19000:0:99999:7:::\n")
	touch(long.Add(time.Second))
	expect("bob", "correct horse", "NAK")
	put(strings.Repeat("#\n", usersfile.MaxText))
	expect("cob", "correct horse", "ERROR")
	a.silent(t, "correct horse", "abcdefgh", "rEK1")
}

func TestUnixPWNotAllowed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "passwd")
	if err := os.WriteFile(path, []byte("bob:"+horse+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, action := range map[string]*actions.UnixPW{
		"nothing set":     actions.NewUnixPW("", nil, nil, 0),
		"no file":         actions.NewUnixPW("", []aaa.AccountID{account}, nil, 0),
		"no accounts":     actions.NewUnixPW(path, nil, nil, 0),
		"another account": actions.NewUnixPW(path, []aaa.AccountID{"ffffffffffffffffffffffffffffffff"}, nil, 0),
		"a folder":        actions.NewUnixPW(filepath.Dir(path), []aaa.AccountID{account}, nil, 0),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newOneAction(t, action, "")
			if got := a.login(t, "bob", "correct horse"); got != "ERROR" {
				t.Errorf("%s, want ERROR", got)
			}
			if log := a.log.String(); name != "a folder" && (!strings.Contains(log, "--unix-password-file") || !strings.Contains(log, "--unix-password-accounts")) {
				t.Errorf("the log does not name the flags:\n%s", log)
			}
		})
	}
}

// TestUnixPWAtOnce reads a file that changes all the time.
func TestUnixPWAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "passwd")
	put := func(i int) {
		text := fmt.Sprintf("bob:%s\n# %d\n", horse, i)
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			t.Error(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Error(err)
		}
	}
	put(0)
	a := newOneAction(t, actions.NewUnixPW(path, []aaa.AccountID{account}, nil, 0), "")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				if got := a.login(t, "bob", "correct horse"); got != "ACK" {
					t.Errorf("%s\n%s", got, a.log)
				}
			}
		})
	}
	for i := range 20 {
		put(i)
	}
	wg.Wait()
}
