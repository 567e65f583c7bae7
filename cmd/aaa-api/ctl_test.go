package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ctl is a node that its operator steers.
type ctl struct {
	t   *testing.T
	dir string
	*process
	tenant string // URL of the demo's tenant
	token  string
}

// table runs a verb, which must do well, and returns the lines of its table.
func (c *ctl) table(args ...string) []string {
	c.t.Helper()
	out, errs, code := here(c.t, c.dir, "", nil, append([]string{"ctl"}, args...)...)
	if code != 0 || errs != "" {
		c.t.Fatalf("ctl %v: code %d, %s", args, code, errs)
	}
	return strings.Split(strings.TrimSuffix(out, "\n"), "\n")
}

// json runs a verb and reads its JSON.
func (c *ctl) json(to any, args ...string) {
	c.t.Helper()
	out := strings.Join(c.table(append(args, "--output", "json")...), "\n")
	if err := json.Unmarshal([]byte(out), to); err != nil {
		c.t.Fatalf("ctl %v: %v in %s", args, err, out)
	}
}

// fails runs a verb that must fail with a code, and returns what it says.
func (c *ctl) fails(code int, args ...string) string {
	c.t.Helper()
	out, errs, got := here(c.t, c.dir, "", nil, append([]string{"ctl"}, args...)...)
	if got != code || out != "" || !strings.HasPrefix(errs, "aaa-api: ") {
		c.t.Errorf("ctl %v: code %d, want %d: %s%s", args, got, code, out, errs)
	}
	return errs
}

func (c *ctl) post(path, body string) answer {
	c.t.Helper()
	return call(c.t, c.token, http.MethodPost, c.tenant+path, body).want(c.t, http.StatusOK)
}

// columns are the cells of a line, which two spaces part.
func columns(line string) []string {
	var list []string
	for cell := range strings.SplitSeq(line, "  ") {
		if cell = strings.TrimSpace(cell); cell != "" {
			list = append(list, cell)
		}
	}
	return list
}

// TestCtl runs each verb against a node, in both forms.
func TestCtl(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"none", "process"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			if isolation != "process" || runtime.GOOS == "linux" {
				testCtl(t, isolation)
			}
		})
	}
}

func testCtl(t *testing.T, isolation string) {
	dir := migratedDir(t)
	c := &ctl{t: t, dir: dir}
	for _, args := range [][]string{
		{"status"},
		{"servers"},
		{"requests"},
		{"sessions"},
		{"session", "x"},
		{"disconnect", "x"},
		{"bans"},
		{"ban", "k", "v", "--account=x"},
		{"unban", "k", "--account=x"},
		{"clients"},
		{"reload"},
		{"stop"},
	} {
		if said := c.fails(3, args...); !strings.Contains(said, "no node runs on the data folder "+filepath.Join(dir, "data")) {
			t.Errorf("without a node: %s", said)
		}
	}
	c.process = start(t, dir, nil, "--demo", "--admin-listen=127.0.0.1:0", "--isolation="+isolation)
	c.tenant, c.token = c.url+"/v2/accounts/"+string(demoTenant)+"/aaa", readToken(t, dir, "demo.token")
	follower := c.follow("--outcome", "reject", "--user", "mallory")
	c.post("/authn", `{"data":{"User-Name":"alice","User-Password":"wonderland"}}`).has(t, "AAA-Result", "accept")
	c.post("/authn", `{"data":{"User-Name":"al\u001b[2Jice","User-Password":"s3cr3t-typed"}}`).has(t, "AAA-Result", "reject")
	c.post("/authn", `{"data":{"User-Name":"mallory","User-Password":"s3cr3t-typed"}}`).has(t, "AAA-Result", "reject")
	t.Run("status", c.testStatus)
	t.Run("requests", func(t *testing.T) { c.testRequests(t, follower) })
	t.Run("sessions", c.testSessions)
	t.Run("bans", c.testBans)
	t.Run("servers", c.testServers) // it breaks the tenant's document
	t.Run("command lines", c.testCommandLines)
	t.Run("another user", c.testOtherUser)
	if got := c.table("reload"); got[0] != "reloaded" {
		t.Errorf("reload: %q", got)
	}
	if got := c.table("stop"); got[0] != "stopped" {
		t.Errorf("stop: %q", got)
	}
	c.wait()
	if _, err := os.Stat(filepath.Join(dir, "data", "admin.sock")); err == nil {
		t.Error("the socket is left")
	}
	if strings.Contains(c.log(), "s3cr3t") {
		t.Error("the log has a password")
	}
}

func (c *ctl) testStatus(t *testing.T) {
	var s struct {
		Node, Version, Isolation string
		PID                      int
		Uptime                   float64 `json:"uptime_seconds"`
		Store                    struct{ Status, Location string }
		Requests                 int
		Processes                []struct {
			Role, User string
			PID        int
		}
		Listeners []struct {
			Name, Address string
			TLS           bool
		}
		Spool struct{ Waiting *int }
		Lacks []string
	}
	c.json(&s, "status")
	if s.Node == "" || s.Version != buildVersion() || s.PID != c.cmd.Process.Pid || s.Uptime <= 0 || s.Store.Status != "ok" || s.Requests != 3 || s.Spool.Waiting == nil {
		t.Errorf("%+v", s)
	}
	if s.Lacks == nil { // a list is an array, also an empty one
		t.Error("lacks is null")
	}
	if len(s.Processes) == 0 || s.Processes[0].Role != "main" || s.Processes[0].PID != s.PID || s.Processes[0].User == "" {
		t.Errorf("processes: %+v", s.Processes)
	}
	if len(s.Listeners) != 2 || "http://"+s.Listeners[0].Address != c.url || s.Listeners[1].Address != c.admin || s.Listeners[0].Name != "api" {
		t.Errorf("listeners: %+v", s.Listeners)
	}
	text := strings.Join(c.table("status"), "\n")
	for _, want := range []string{s.Node, s.Store.Location + ": ok", "state               serving", "PROCESS", fmt.Sprint(s.PID), "LISTENER", s.Listeners[0].Address, "kernel lacks"} {
		if !strings.Contains(text, want) {
			t.Errorf("the table lacks %q:\n%s", want, text)
		}
	}
}

// followed is the output of a verb that goes on.
type followed struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

// follow begins to follow requests, and returns once it does.
func (c *ctl) follow(args ...string) *followed {
	c.t.Helper()
	cmd := command(context.Background(), c.t, c.dir, nil, append([]string{"ctl", "requests", "--follow"}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	f := &followed{cmd, bufio.NewScanner(out)}
	if !f.lines.Scan() || !strings.HasPrefix(f.lines.Text(), "TIME ") { // the requests before it are told of, too
		c.t.Fatalf("it begins with %q, %v", f.lines.Text(), f.lines.Err())
	}
	return f
}

func (c *ctl) testRequests(t *testing.T, f *followed) {
	type request struct {
		Time                                     time.Time
		Account                                  string `json:"account_id"`
		Operation, User, Outcome, Server, Reason string
		Millis                                   float64 `json:"ms"`
		ID                                       string  `json:"request_id"`
	}
	var list []request
	c.json(&list, "requests")
	if len(list) != 3 {
		t.Fatalf("%d requests: %+v", len(list), list)
	}
	last := list[2]
	if last.Account != string(demoTenant) || last.Operation != "authn" || last.User != "mallory" || last.Outcome != "reject" || last.Server != "demo" ||
		last.Reason == "" || last.ID == "" || last.Millis <= 0 || time.Since(last.Time) > time.Hour {
		t.Errorf("%+v", last)
	}
	if !f.lines.Scan() {
		t.Fatal(f.lines.Err())
	}
	if got := columns(f.lines.Text()); len(got) != 10 || got[2] != "reject" || got[4] != "mallory" || got[7] != last.ID || got[8] != "-" || got[9] != last.Reason {
		t.Errorf("followed: %q", got)
	}
	if err := f.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if f.lines.Scan() {
		t.Errorf("more is followed: %q", f.lines.Text())
	}
	if err := f.cmd.Wait(); err != nil {
		t.Errorf("the follower ended with %v", err)
	}
	for args, want := range map[string]int{
		"--user=alice": 1, "--outcome=reject": 2, "--last=1": 1, "--last=0": 0, "--account=" + string(demoTenant): 3, "--account=" + string(demoProvider): 3,
	} {
		list = nil
		if c.json(&list, "requests", args); len(list) != want {
			t.Errorf("%s: %d requests, want %d", args, len(list), want)
		}
	}
	text := strings.Join(c.table("requests"), "\n")
	if strings.Contains(text, "\x1b") || !strings.Contains(text, `"al\x1b[2Jice"`) {
		t.Errorf("a name steers the terminal: %q", text)
	}
	if strings.Contains(text, "s3cr3t") {
		t.Errorf("a password is shown: %s", text)
	}
}

func (c *ctl) testServers(t *testing.T) {
	var list []struct {
		Account, Name, Address, Engine, State string
		Account2                              string `json:"account_id"`
		InFlight                              int    `json:"in_flight"`
	}
	c.json(&list, "servers")
	if len(list) != 1 || list[0].Name != "demo" || list[0].State != "alive" || list[0].Engine != "radius" || list[0].Account2 != string(demoProvider) || list[0].Address != radiusOf(c.process) {
		t.Errorf("%+v", list)
	}
	if got := columns(c.table("servers")[1]); len(got) != 8 || got[0] != "alive" || got[2] != "demo" || got[6] != string(demoProvider) {
		t.Errorf("%q", got)
	}
	if got := c.table("servers", "--state", "dead"); len(got) != 1 {
		t.Errorf("dead: %q", got)
	}
	// A server that does not answer: nothing listens at its port.
	port := freePort(t)
	call(t, readToken(t, c.dir, "admin.token"), http.MethodPatch, c.tenant, `{"data":{"aaa_mode":"on","servers":[{"enabled":true,"name":"gone","address":"127.0.0.1","port":`+port+
		`,"secret":"0123456789abcdef","aaa_engine":"radius","timeout":200,"retries":0,"dicts":["dictionary"]}],"authentication":["gone"]}}`).want(t, http.StatusOK)
	for range 3 {
		call(t, c.token, http.MethodPost, c.tenant+"/authn", `{"data":{"User-Name":"alice"}}`)
	}
	lines := c.table("servers")
	if got := columns(lines[1]); len(got) != 8 || got[0] != "dead" || got[1] == "-" || got[2] != "gone" || !strings.Contains(got[7], "refused") {
		t.Errorf("a dead server: %q", got)
	}
	if got := c.table("servers", "--account", string(demoTenant)); len(got) != 2 {
		t.Errorf("of the tenant: %q", got)
	}
}

func (c *ctl) testSessions(t *testing.T) {
	type session struct {
		ID, State, User, Cause string
		Open                   bool
		Account                string `json:"account_id"`
	}
	for _, user := range []string{"alice", "alice", "alice@example.org"} {
		sid := c.begin(fmt.Sprintf(`{"data":{"User-Name":%q,"User-Password":"wonderland"}}`, user))
		c.post("/sessions/"+sid+"/open", "")
	}
	var all []session
	c.json(&all, "sessions")
	if len(all) != 3 || !all[0].Open || all[0].Account != string(demoTenant) {
		t.Fatalf("%+v", all)
	}
	var of []session
	c.json(&of, "sessions", "--user", "alice", "--account", string(demoProvider))
	if len(of) != 2 {
		t.Fatalf("of alice: %+v", of)
	}
	var one session
	if c.json(&one, "session", of[0].ID); one != of[0] {
		t.Errorf("%+v, want %+v", one, of[0])
	}
	if text := strings.Join(c.table("session", of[0].ID, "--account", string(demoTenant)), "\n"); !strings.Contains(text, "state                open") {
		t.Errorf("%s", text)
	}
	var ended []session
	if c.json(&ended, "disconnect", of[0].ID); len(ended) != 1 || ended[0].Cause != "Admin-Reset" || ended[0].Open {
		t.Errorf("%+v", ended)
	}
	if got := c.table("disconnect", "--user", "alice"); len(got) != 2 || columns(got[1])[1] != of[1].ID || columns(got[1])[3] != "ended: Admin-Reset" {
		t.Errorf("%q", got)
	}
	if said := c.fails(1, "disconnect", "--user", "alice"); !strings.Contains(said, "nothing to end") {
		t.Errorf("again: %s", said)
	}
	if got := c.table("sessions"); len(got) != 2 || !strings.Contains(got[1], "alice@example.org") {
		t.Errorf("left: %q", got)
	}
	if got := c.table("sessions", "--state", "closed"); len(got) != 3 {
		t.Errorf("closed: %q", got)
	}
	if got := c.table("sessions", "--ended"); len(got) != 4 {
		t.Errorf("with the ended ones: %q", got)
	}
	if said := c.fails(1, "disconnect", of[0].ID); !strings.Contains(said, "not possible") {
		t.Errorf("an ended one: %s", said)
	}
	if said := c.fails(1, "session", "0123456789ab"); !strings.Contains(said, "no such session") {
		t.Errorf("%s", said)
	}
}

func (c *ctl) testBans(t *testing.T) {
	call(t, readToken(t, c.dir, "admin.token"), http.MethodPatch, c.url+"/v2/accounts/"+string(demoProvider)+"/aaa", `{"data":{"bans":{"by":["User-Name"],"points":{"reject":10}}}}`).want(t, http.StatusOK)
	of := "--account=" + string(demoTenant)
	type ban struct {
		ID, Key, Value, Reason string
		Account                string `json:"account_id"`
		By                     string `json:"token_id"`
		Until                  time.Time
	}
	var one ban
	c.json(&one, "ban", "User-Name", "bob", of, "--for", "1h", "--reason", "stolen laptop")
	if one.Account != string(demoTenant) || one.Key != "User-Name" || one.Value != "bob" || one.By != "operator" || one.Reason != "stolen laptop" || time.Until(one.Until) > time.Hour {
		t.Errorf("%+v", one)
	}
	login := `{"data":{"User-Name":"bob","User-Password":"wonderland"}}`
	if a := call(t, c.token, http.MethodPost, c.tenant+"/authn", login); a.Status != http.StatusTooManyRequests {
		t.Errorf("a banned login: %s", a.Body)
	}
	if got := columns(c.table("requests", "--outcome", "banned")[1]); got[4] != "bob" || len(got) != 10 {
		t.Errorf("the request: %q", got)
	}
	var all []ban
	if c.json(&all, "bans"); len(all) != 1 || all[0].ID != one.ID {
		t.Errorf("%+v", all)
	}
	if got := columns(c.table("bans", "--account", string(demoProvider))[1]); len(got) != 8 || got[1] != one.ID || got[3] != "bob" || got[6] != "operator" {
		t.Errorf("%q", got)
	}
	if got := c.table("unban", one.ID, of); got[0] != "1 lifted" {
		t.Errorf("%q", got)
	}
	if said := c.fails(1, "unban", "User-Name", "bob", of); !strings.Contains(said, "no such ban") {
		t.Errorf("%s", said)
	}
	if a := call(t, c.token, http.MethodPost, c.tenant+"/authn", login); a.Status != http.StatusOK {
		t.Errorf("after that: %s", a.Body)
	}
	if got := c.table("ban", "User-Name", "bob", of); len(got) != 2 {
		t.Errorf("%q", got)
	}
	var lifted struct{ Bans int }
	if c.json(&lifted, "unban", "User-Name", "bob", of); lifted.Bans != 1 {
		t.Errorf("%+v", lifted)
	}
	if got := c.table("bans"); len(got) != 1 {
		t.Errorf("left: %q", got)
	}
	if said := c.fails(2, "ban", "Nothing", "bob", of); !strings.Contains(said, "KEY: must be a key that the member bans of a document in force names: User-Name") {
		t.Errorf("%s", said)
	}
	if said := c.fails(2, "ban", "User-Name", "bob", of, "--for=9000h"); !strings.Contains(said, "2592000 seconds") {
		t.Errorf("%s", said)
	}
	if said := c.fails(1, "unban", "User-Name", "nobody-banned", of, "--output=json"); !strings.Contains(said, "no such ban") {
		t.Errorf("%s", said)
	}
	for _, args := range [][]string{{"ban", "Nothing", "bob", of}, {"ban", "User-Name", " ", of}, {"ban", "User-Name", "bob", of, "--for=1ms"}, {"ban", "User-Name", "bob", of, "--for=9000h"}, {"unban", "x"}} {
		c.fails(2, args...)
	}
}

// begin begins a session and returns its SID.
func (c *ctl) begin(body string) string {
	c.t.Helper()
	a := call(c.t, c.token, http.MethodPost, c.tenant+"/sessions", body)
	sid, ok := a.Data["sid"].(string)
	if !ok {
		c.t.Fatalf("no session: %s", a.Body)
	}
	return sid
}

func (c *ctl) testCommandLines(t *testing.T) {
	for _, args := range [][]string{
		{"servers", "--state", "tired"},
		{"servers", "--account", "x"},
		{"requests", "--last", "100000"},
		{"disconnect"},
		{"disconnect", "x", "--user", "y"},
		{"status", "--output", "xml"},
		{"status", "more"},
		{"session"},
		{"statsu"},
	} {
		c.fails(2, args...)
	}
	for said, args := range map[string][]string{
		"--state: is no state of a session: closed, completed, cont": {"sessions", "--state", "tired"},
		"--account: must be the id of an account":                    {"sessions", "--account", "x"},
		"--outcome is one of accept, ":                               {"requests", "--outcome", "tired"},
		"--for is a number of whole seconds, at least one":           {"ban", "User-Name", "x", "--account", string(demoTenant), "--for", "0s"},
	} {
		if got := c.fails(2, args...); !strings.Contains(got, said) {
			t.Errorf("%q: %s", args, got)
		}
	}
	if said := c.fails(1, "servers", "--account", "00000000000000000000000000000000"); !strings.Contains(said, "no such account") {
		t.Errorf("%s", said)
	}
	for _, v := range ctlCommand(environment{}).Commands() {
		if v.Short == "" || v.Long == "" || !strings.Contains(v.Example, "aaa-api ctl "+v.Name()) {
			t.Errorf("the help of %s lacks something", v.Name())
		}
	}
}

// testOtherUser: another user of the machine is refused, and told so.
func (c *ctl) testOtherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root becomes another user")
	}
	const nobody = 65534
	// The folder is opened as far as it must be for the node itself to refuse.
	for path := c.dir; path != filepath.Dir(path); path = filepath.Dir(path) {
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o001 == 0 {
			if err := os.Chmod(path, info.Mode().Perm()|0o011); err != nil {
				t.Fatal(err)
			}
		}
	}
	data := filepath.Join(c.dir, "data")
	if err := os.Chmod(data, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(data, "admin.sock"), 0o666); err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	self := filepath.Join(c.dir, "aaa-api")
	if err := os.WriteFile(self, binary, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "ctl", "stop", "--data-dir", data)
	cmd.Env, cmd.Dir = []string{runAsCommand + "=1", "HOME=/"}, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "user 65534 may not use the admin socket") {
		t.Errorf("another user: %v, %s", err, out)
	}
}
