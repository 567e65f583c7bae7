package main

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"aaa-api/internal/config"
	"aaa-api/internal/radius"
	"aaa-api/internal/secmod"
)

func TestFirstStartMakesRootTokenAndKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir, nil)
	token := readToken(t, dir, "admin.token")
	for _, name := range []string{"admin.token", "secret.key", "aaa-api.db"} {
		info, err := os.Stat(filepath.Join(dir, "data", name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", name, info.Mode())
		}
	}
	who := call(t, token, "GET", p.url+"/v2/whoami", "").want(t, http.StatusOK)
	root, _ := who.Data["account_id"].(string)
	call(t, token, "GET", p.url+"/readyz", "").want(t, http.StatusOK)
	if m := call(t, "", "GET", p.url+"/metrics", ""); !strings.Contains(m.Body, "aaa_api_reload_lag_seconds") {
		t.Errorf("no reload lag in the metrics: %.300s", m.Body)
	}
	p.stop() // all that it wrote has been read then
	if len(root) != 32 || !strings.Contains(p.out(), root) {
		t.Errorf("whoami says %s, and the start:\n%s", who.Body, p.out())
	}
	if strings.Contains(p.out()+p.log(), token) || !strings.Contains(p.out(), "admin.token") {
		t.Errorf("the token went into a pipe, or its file was not named:\n%s%s", p.out(), p.log())
	}

	again := start(t, dir, nil)
	call(t, token, "GET", again.url+"/v2/whoami", "").want(t, http.StatusOK).has(t, "account_id", root)
	again.stop()
	if out := again.out(); out != "" {
		t.Errorf("the second start says:\n%s", out)
	}
}

// TestFirstStartShowsTokenOnATerminal starts a node on a pseudo-terminal, which script(1) makes.
func TestFirstStartShowsTokenOnATerminal(t *testing.T) {
	t.Parallel()
	dir := migratedDir(t)
	cmd := command(t.Context(), t, dir, nil, "serve", "--listen=127.0.0.1:0")
	seen := filepath.Join(dir, "seen")
	onTerminal := exec.CommandContext(t.Context(), tool(t, "script"), "-qfec", "exec "+shellQuote(cmd.Path)+" serve --listen=127.0.0.1:0", seen)
	onTerminal.Dir, onTerminal.Env = cmd.Dir, cmd.Env
	if err := onTerminal.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the token is on the terminal", func() bool {
		token, err := os.ReadFile(filepath.Join(dir, "data", "admin.token"))
		text, _ := os.ReadFile(seen)
		return err == nil && strings.Contains(string(text), strings.TrimSpace(string(token)))
	})
	if err := onTerminal.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	_ = onTerminal.Wait() // it ends by the signal
}

// TestOneNodeADataFolder starts a second node in the folder of one that runs, and again after that was killed.
func TestOneNodeADataFolder(t *testing.T) {
	t.Parallel()
	dir := migratedDir(t)
	first := start(t, dir, nil)
	if _, stderr, code := output(t, dir, nil, "serve", "--listen=127.0.0.1:0"); code != 1 || !strings.Contains(stderr, "another aaa-api serves with the data folder") {
		t.Errorf("a second node: code %d: %s", code, stderr)
	}
	call(t, "", "GET", first.url+"/readyz", "").want(t, http.StatusOK)
	if err := first.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	first.exited <- <-first.exited // for the test's end
	second := start(t, dir, nil)
	call(t, "", "GET", second.url+"/readyz", "").want(t, http.StatusOK)
	second.stop()
}

// TestStopFinishesWhatIsInFlight holds an answer back until the process has been
// told to stop: the caller still gets it, and the process ends well.
func TestStopFinishesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}, 8), make(chan struct{})
	port := slowRADIUS(t, func() {
		arrived <- struct{}{}
		<-release
	})
	dir := migratedDir(t)
	p := start(t, dir, nil)
	token := readToken(t, dir, "admin.token")
	root, _ := call(t, token, "GET", p.url+"/v2/whoami", "").want(t, http.StatusOK).Data["account_id"].(string)
	aaaURL := p.url + "/v2/accounts/" + root + "/aaa"
	call(t, token, "PUT", aaaURL, documentFor(port)).want(t, http.StatusCreated)

	answered := make(chan answer, 1)
	go func() {
		a, err := tryCall(t.Context(), token, "POST", aaaURL+"/authn", `{"data":{"User-Name":"alice","User-Password":"wonderland"}}`)
		if err != nil {
			t.Error(err)
		}
		answered <- a
	}()
	<-arrived
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the port is closed", func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	close(release)
	(<-answered).want(t, http.StatusOK).has(t, "AAA-Result", "accept")
	p.wait()
}

// TestDrain stops a node that is told to drain: balancers see a 503 while everybody else is served as
// before, on new connections too, until a second signal ends the wait, and what is then in flight is finished.
func TestDrain(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}, 8), make(chan struct{})
	port := slowRADIUS(t, func() {
		arrived <- struct{}{}
		<-release
	})
	dir := migratedDir(t)
	p := start(t, dir, nil, "--drain=5m")
	token := readToken(t, dir, "admin.token")
	at := p.url + "/v2/accounts/" + rootOf(t, p, token) + "/aaa"
	call(t, token, "PUT", at, documentFor(port)).want(t, http.StatusCreated)
	call(t, "", "GET", p.url+"/readyz", "").want(t, http.StatusOK)

	signal := func() {
		t.Helper()
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	signal()
	eventually(t, "/readyz answers 503", func() bool {
		return call(t, "", "GET", p.url+"/readyz", "").Status == http.StatusServiceUnavailable
	})
	c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal("no new connections while the node drains: ", err)
	}
	c.Close()
	call(t, token, "PATCH", at, `{"data":{"workers":9}}`).want(t, http.StatusOK).has(t, "workers", 9)

	answered := make(chan answer, 1)
	go func() {
		a, err := tryCall(t.Context(), token, "POST", at+"/authn", `{"data":{"User-Name":"alice","User-Password":"wonderland"}}`)
		if err != nil {
			t.Error(err)
		}
		answered <- a
	}()
	<-arrived
	signal()
	eventually(t, "the port is closed", func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	close(release)
	(<-answered).want(t, http.StatusOK).has(t, "AAA-Result", "accept")
	p.wait()
}

// TestDrainEnds has a node that drains stop by itself when the time is over.
func TestDrainEnds(t *testing.T) {
	t.Parallel()
	p := start(t, migratedDir(t), []string{"AAA_API_DRAIN=100ms"})
	p.stop()
	if !strings.Contains(p.log(), "draining") || !strings.Contains(p.log(), "stopped") {
		t.Errorf("the log says:\n%s", p.log())
	}
}

func TestServeRefusesBadSettings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		env  []string
		args []string
		code int
		want string
	}{
		"unknown flag":     {args: []string{"serve", "--lisen=:0"}, code: 2, want: "unknown flag: --lisen"},
		"unknown variable": {env: []string{"AAA_API_LISEN=:0"}, args: []string{"serve"}, code: 2, want: "AAA_API_LISEN: no such setting"},
		"unknown command":  {args: []string{"server"}, code: 2, want: `has no command "server"`},
		"an argument":      {args: []string{"serve", "now"}, code: 2, want: `unknown command "now"`},
		"bad setting":      {args: []string{"serve", "--log-level=loud"}, code: 2, want: "--log-level"},
		"key from a FIFO":  {args: []string{"serve", "--key-file=" + fifo}, code: 1, want: "is not a regular file"},
		"bad key file":     {args: []string{"serve", "--key-file=/dev/null"}, code: 1, want: "/dev/null is not a regular file"},
		"no database":      {env: []string{"AAA_API_DATABASE_URL=postgres://u:hunter2@127.0.0.1:1/x?connect_timeout=2"}, args: []string{"serve"}, code: 1, want: "127.0.0.1"},
	} {
		stdout, stderr, code := here(t, dir, "", tc.env, tc.args...)
		if code != tc.code || !strings.Contains(stderr, tc.want) || stdout != "" {
			t.Errorf("%s: code %d, want %d with %q:\n%s%s", name, code, tc.code, tc.want, stdout, stderr)
		}
		if strings.Contains(stderr, "hunter2") {
			t.Errorf("%s: the password is shown: %s", name, stderr)
		}
	}
	if stdout, stderr, code := output(t, dir, nil, "serve", "--lisen=:0"); code != 2 || stdout != "" || !strings.Contains(stderr, "--lisen") {
		t.Errorf("as a process: code %d: %s%s", code, stdout, stderr)
	}
}

func TestServeRefusesAnotherKey(t *testing.T) {
	t.Parallel()
	dir := migratedDir(t)
	key := filepath.Join(dir, "data", "secret.key")
	if _, _, err := openVault(t.Context(), &config.Config{KeyFile: key}, openStoreIn(t, dir).Keys()); err != nil { // seals it
		t.Fatal(err)
	}
	if err := os.Rename(key, key+".old"); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := here(t, dir, "", nil, "serve", "--listen=127.0.0.1:0")
	if code != 1 || !strings.Contains(stderr, "data/secret.key does not exist: copy the key file") {
		t.Errorf("key file lost: code %d: %s", code, stderr)
	}
	if _, err := os.Stat(key); err == nil {
		t.Error("a new key was made for a store that is sealed with another")
	}
	if _, err := secmod.CreateKeyFile(key); err != nil {
		t.Fatal(err)
	}
	_, stderr, code = here(t, dir, "", nil, "serve", "--listen=127.0.0.1:0")
	if code != 1 || !strings.Contains(stderr, "does not open the seal of this database") {
		t.Errorf("another key: code %d: %s", code, stderr)
	}
}

// documentFor is the body of a document with one RADIUS server that is asked for authn.
func documentFor(port int) string {
	return `{"data":{"aaa_mode":"on","servers":[{"enabled":true,"name":"one","address":"127.0.0.1","port":` + itoa(port) + `,
		"secret":"` + demoSecret + `","aaa_engine":"radius","dicts":["dictionary"],"retries":2,"timeout":20000}],
		"authentication":["one"],"authorization":[],"accounting":[],"workers":32,"nas_address":"127.0.0.1","nas_port":"1",
		"authn_avp_translation":[` + demoLogin + `]}}`
}

// slowRADIUS is the demo's server with something to do before each answer. It returns its port.
func slowRADIUS(t *testing.T, before func()) int {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			b := make([]byte, radius.MaxPacket)
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			work.Go(func() {
				before()
				if answer, err := demoAnswer(b[:n]); err == nil {
					_, _ = conn.WriteTo(answer, from)
				}
			})
		}
	})
	t.Cleanup(func() {
		conn.Close()
		work.Wait()
	})
	return conn.LocalAddr().(*net.UDPAddr).Port
}
