package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"aaa-api/internal/store/pgtest"
)

// runAsCommand makes the test binary behave as aaa-api: tests run it as a process of its own.
const runAsCommand = "AAA_API_TEST_AS_COMMAND"

// TestMain runs tests only where go test asks for them. A process that the service starts of its own program must be the service, however
// it is called: one that ran the tests would start more of them.
func TestMain(m *testing.M) {
	if os.Getenv(runAsCommand) != "" || len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-test.") {
		childVariables = []string{"GORACE=" + os.Getenv("GORACE"), runAsCommand + "=1"}
		main() // does not return
	}
	waiting()
	code := m.Run()
	if err := pgtest.DropTemplate(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// waiting runs one test more at once than there are processors, since tests wait for a third of their time: for processes, for servers
// that are silent, for timers. No more than one, as some hold the service to a second. A command line that says how many has its way.
func waiting() {
	flag.Parse()
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if !said {
		_ = flag.Set("test.parallel", strconv.Itoa(runtime.GOMAXPROCS(0)+1)) // the testing package has this flag
	}
}

// patience bounds every wait of these tests; nothing comes near it unless it is broken.
const patience = time.Minute

// process is a running `aaa-api serve`.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	url    string
	admin  string // address of the admin listener, where there is one
	exited chan error

	serving chan addresses

	mu     sync.Mutex
	stdout bytes.Buffer
	stderr bytes.Buffer
}

// addresses are those that a process says it serves.
type addresses struct {
	Address string
	Admin   string `json:"admin_address"`
}

// command prepares aaa-api with arguments, in dir, with the variables of env and no others of its own.
func command(ctx context.Context, t *testing.T, dir string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GORACE=" + os.Getenv("GORACE"), runAsCommand + "=1"}, env...)
	return cmd
}

// output runs aaa-api to its end and returns what it wrote and its exit code.
func output(t *testing.T, dir string, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := command(ctx, t, dir, env, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// here runs a command in this process and returns what it wrote and its exit code, for tests of what commands do: it costs
// no process, and the dictionaries are compiled once for all. Files need their folder, the data are in dir/data.
func here(t *testing.T, dir, stdin string, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience) // serve would go on
	defer cancel()
	var out, errs bytes.Buffer
	code = run(ctx, args, environment{
		vars: append([]string{"AAA_API_DATA_DIR=" + filepath.Join(dir, "data"), "AAA_API_ISOLATION=none"}, env...), stdin: strings.NewReader(stdin), stdout: &out, stderr: &errs,
	})
	return out.String(), errs.String(), code
}

// start runs `aaa-api serve` on a free port with its data in dir/data, and returns when it
// serves. Servers of all accounts may be on this machine, unless args say otherwise. The test's end stops it.
func start(t *testing.T, dir string, env []string, args ...string) *process {
	t.Helper()
	p := launch(t, dir, env, args...)
	p.await()
	return p
}

// launch is start without waiting.
func launch(t *testing.T, dir string, env []string, args ...string) *process {
	t.Helper()
	return launchAs(t, dir, env, func(*exec.Cmd) {}, args...)
}

// launchAs is launch with a change of what is run.
func launchAs(t *testing.T, dir string, env []string, change func(*exec.Cmd), args ...string) *process {
	t.Helper()
	p := &process{t: t, exited: make(chan error, 1), serving: make(chan addresses, 1)}
	p.cmd = command(context.Background(), t, dir, env, append([]string{"serve", "--listen=127.0.0.1:0", "--server-networks=127.0.0.0/8"}, args...)...)
	change(p.cmd)
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pipes sync.WaitGroup
	pipes.Go(func() { p.copy(stdout, &p.stdout, nil) })
	pipes.Go(func() { p.copy(stderr, &p.stderr, p.serving) })
	go func() {
		pipes.Wait()
		p.exited <- p.cmd.Wait()
	}()
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			<-p.exited
		}
		if t.Failed() {
			t.Logf("standard output:\n%s\nstandard error:\n%s", p.out(), p.log())
		}
	})
	return p
}

// await returns when the process serves.
func (p *process) await() {
	p.t.Helper()
	select {
	case at := <-p.serving:
		p.url, p.admin = "http://"+at.Address, at.Admin
	case err := <-p.exited:
		p.exited <- err
		p.t.Fatalf("serve ended: %v\n%s", err, p.log())
	case <-time.After(patience):
		p.t.Fatal("serve does not come up")
	}
}

// copy keeps what the process writes and finds the address that it serves.
func (p *process) copy(from io.Reader, to *bytes.Buffer, serving chan<- addresses) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.mu.Lock()
		to.Write(append(lines.Bytes(), '\n'))
		p.mu.Unlock()
		var entry struct {
			Msg string
			addresses
		}
		if serving != nil && json.Unmarshal(lines.Bytes(), &entry) == nil && entry.Msg == "serving" {
			serving <- entry.addresses
			serving = nil
		}
	}
}

func (p *process) out() string { return p.text(&p.stdout) }
func (p *process) log() string { return p.text(&p.stderr) }

func (p *process) text(b *bytes.Buffer) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return b.String()
}

// stop asks the process to end as an init system does, and returns when it has.
func (p *process) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	p.wait()
}

// wait returns when the process has ended well.
func (p *process) wait() {
	p.t.Helper()
	select {
	case err := <-p.exited:
		if err != nil {
			p.t.Errorf("serve: %v", err)
		}
	case <-time.After(patience):
		p.t.Fatal("serve does not stop")
	}
}

// token reads a token file of the data folder.
func readToken(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "data", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// answer is what the API answers.
type answer struct {
	Status int
	Body   string
	Data   map[string]any
}

// call sends a request with a JSON body, empty for none, and an answer of any status.
func call(t *testing.T, token, method, url, body string) answer {
	t.Helper()
	return callBy(t, http.DefaultClient, token, method, url, body)
}

// callBy is call by a client.
func callBy(t *testing.T, client *http.Client, token, method, url, body string) answer {
	t.Helper()
	a, err := tryCallBy(t.Context(), client, token, method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func tryCall(ctx context.Context, token, method, url, body string) (answer, error) {
	return tryCallBy(ctx, http.DefaultClient, token, method, url, body)
}

func tryCallBy(ctx context.Context, client *http.Client, token, method, url, body string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if token != "" {
		req.Header.Set("X-Auth-Token", token)
	}
	req.Header.Set("Content-Type", "application/json")
	if path, _, _ := strings.Cut(url, "?"); strings.HasSuffix(path, "/batch") {
		req.Header.Set("Content-Type", ndjson)
	}
	res, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, err
	}
	var envelope struct {
		Data json.RawMessage `json:"data"`
	}
	a := answer{Status: res.StatusCode, Body: string(text)}
	_ = json.Unmarshal(text, &envelope)
	_ = json.Unmarshal(envelope.Data, &a.Data) // lists and errors have no members
	return a, nil
}

// want fails the test unless the answer has the status.
func (a answer) want(t *testing.T, status int) answer {
	t.Helper()
	if a.Status != status {
		t.Fatalf("status %d, want %d: %s", a.Status, status, a.Body)
	}
	return a
}

// has fails the test unless data holds a member of that value.
func (a answer) has(t *testing.T, member string, value any) answer {
	t.Helper()
	if got := fmt.Sprint(a.Data[member]); got != fmt.Sprint(value) {
		t.Errorf("%s is %s, want %v, in %s", member, got, value, a.Body)
	}
	return a
}
