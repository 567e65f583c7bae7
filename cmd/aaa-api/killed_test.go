package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// caller is a client that keeps one connection and asks on it again and again.
type caller struct {
	conn     net.Conn
	answered atomic.Int64
	failed   atomic.Bool
}

// callers opens connections, each of which has had an answer when it returns.
func callers(t *testing.T, p *process, n int) (list []*caller) {
	t.Helper()
	for range n {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		c := &caller{conn: conn}
		list = append(list, c)
		if err := c.ask(); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

func (c *caller) ask() error {
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := io.WriteString(c.conn, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		return err
	}
	res, err := http.ReadResponse(bufio.NewReader(c.conn), nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	return nil
}

// run asks until the connection fails or ctx ends.
func (c *caller) run(ctx context.Context) {
	for ctx.Err() == nil {
		if c.ask() != nil {
			c.failed.Store(true)
			return
		}
		c.answered.Add(1)
		time.Sleep(time.Millisecond)
	}
}

// inodes are the sockets that a process has open. Only root may ask.
func inodes(t *testing.T, pid int) map[string]bool {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root sees whose sockets are whose")
	}
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, f := range files {
		to, _ := os.Readlink(dir + "/" + f.Name()) // it may be closed by now
		if inode, ok := strings.CutPrefix(to, "socket:["); ok {
			have[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return have
}

// servedBy tells which callers have their connection to a process.
func servedBy(t *testing.T, pid int, list []*caller) []bool {
	t.Helper()
	have := inodes(t, pid)
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	ports := map[string]bool{} // of clients, in hexadecimal
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); len(f) > 9 && have[f[9]] {
			_, port, _ := strings.Cut(f[2], ":")
			ports[port] = true
		}
	}
	served := make([]bool, len(list))
	for i, c := range list {
		served[i] = ports[fmt.Sprintf("%04X", c.conn.LocalAddr().(*net.TCPAddr).Port)]
	}
	return served
}

// TestKilledFront kills one of two fronts under load: its connections end, all others go on, new ones are served all the while, and it is
// started anew. What it counted stays in the metrics.
func TestKilledFront(t *testing.T) {
	t.Parallel()
	p := start(t, migratedDir(t), nil, "--fronts=2")
	fronts := p.children()["front"]
	if len(fronts) != 2 {
		t.Fatalf("the fronts are %v", fronts)
	}
	for pid, want := range map[int]string{fronts[0]: "aaa-front\n", p.theModule(): "aaa-secmod\n"} {
		if name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err != nil || string(name) != want {
			t.Errorf("process %d is called %q, %v; want %q", pid, name, err, want)
		}
	}
	list := callers(t, p, 64)
	one, other := servedBy(t, fronts[0], list), servedBy(t, fronts[1], list)
	for i := range list {
		if one[i] == other[i] {
			t.Fatal("a connection is in no front, or in both")
		}
	}
	if n := len(slices.DeleteFunc(slices.Clone(one), func(mine bool) bool { return !mine })); n < 8 || n > 56 {
		t.Errorf("one of two fronts has %d of 64 connections", n)
	}
	eventually(t, "a scrape has the requests of both", func() bool {
		m := call(t, "", "GET", p.url+"/metrics", "").want(t, http.StatusOK).Body
		return metric(t, m, `aaa_api_http_requests_total{`) >= 64
	})
	counted := func() float64 {
		m := call(t, "", "GET", p.url+"/metrics", "").want(t, http.StatusOK).Body
		return metric(t, m, `aaa_api_http_requests_total{`)
	}
	before := counted()

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var load sync.WaitGroup
	for _, c := range list {
		load.Go(func() { c.run(ctx) })
	}
	var refused atomic.Int64
	load.Go(func() { // strangers, each on a connection of its own
		for ctx.Err() == nil {
			conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
			if err != nil {
				refused.Add(1)
				continue
			}
			_ = (&caller{conn: conn}).ask() // it may be in the front that is killed
			conn.Close()
		}
	})
	kill(t, fronts[0])
	killed := time.Now()
	eventually(t, "its connections end", func() bool {
		for i, c := range list {
			if one[i] && !c.failed.Load() {
				return false
			}
		}
		return true
	})
	var again []int
	eventually(t, "there are two fronts", func() bool {
		again = p.children()["front"]
		return len(again) == 2 && !slices.Contains(again, fronts[0])
	})
	eventually(t, "the new front has connections", func() bool {
		i := slices.IndexFunc(again, func(pid int) bool { return pid != fronts[1] })
		return slices.Contains(servedBy(t, again[i], callers(t, p, 8)), true)
	})
	t.Logf("the new front has connections %v after the end of the old one", time.Since(killed))
	for i, c := range list {
		if !other[i] {
			continue
		}
		had := c.answered.Load()
		eventually(t, "the others go on", func() bool { return c.failed.Load() || c.answered.Load() > had+10 })
		if c.failed.Load() {
			t.Error("a connection to the other front has failed")
		}
	}
	stop()
	load.Wait()
	if n := refused.Load(); n > 0 {
		t.Errorf("%d new connections were refused", n)
	}
	if after := counted(); after < before {
		t.Errorf("the metrics counted %v requests before, and %v after", before, after)
	}
	p.stop()
}

// metric sums the samples of a family, whose name ends with { where it has labels.
func metric(t *testing.T, text, name string) (sum float64) {
	t.Helper()
	found := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, name) {
			var v float64
			if _, err := fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &v); err != nil {
				t.Fatal(err)
			}
			sum, found = sum+v, true
		}
	}
	if !found {
		t.Fatalf("no %s in the metrics:\n%s", name, text)
	}
	return sum
}

// TestKilledModule kills the security module again and again under load: callers get a 503 with Retry-After on connections that stay, then answers
// again. No session and no record that was taken is lost.
func TestKilledModule(t *testing.T) {
	t.Parallel()
	dir := migratedDir(t)
	b := startBilling(t)
	p := start(t, dir, nil)
	token := readToken(t, dir, "admin.token")
	l := accountingTenant(t, p, token, "module", b.port, "")
	sessions := *l.url.Load() + "/sessions/"
	var open []string
	for range 8 {
		a := call(t, token, "POST", strings.TrimSuffix(sessions, "/"), `{"data":{"User-Name":"alice","User-Password":"wonderland"}}`).want(t, http.StatusCreated)
		open = append(open, fmt.Sprint(a.Data["sid"]))
		call(t, token, "POST", sessions+open[len(open)-1]+"/open", `{"data":{}}`).want(t, http.StatusOK)
	}
	front := p.theFront()

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var load sync.WaitGroup
	load.Go(func() { l.run(ctx, 16, 500) })
	var away, bare atomic.Int64 // answers 503, with Retry-After and without
	load.Go(func() {
		for ctx.Err() == nil {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, *l.url.Load(), nil)
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("X-Auth-Token", token)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Errorf("a request has no answer: %v", err)
				return
			}
			res.Body.Close()
			switch {
			case res.StatusCode == http.StatusServiceUnavailable && res.Header.Get("Retry-After") != "":
				away.Add(1)
			case res.StatusCode != http.StatusOK:
				bare.Add(1)
			}
		}
	})
	for range short(20, 3) {
		before := l.count()
		eventually(t, "records are taken", func() bool { return l.count() > before+100 })
		old, had := p.theModule(), away.Load()
		kill(t, old)
		killed := time.Now()
		eventually(t, "callers are told to come again", func() bool { return away.Load() > had })
		before = l.count()
		eventually(t, "records are taken again", func() bool { return l.count() > before+16 })
		t.Logf("records are taken %v after the end of the security module", time.Since(killed))
		if now := p.theModule(); now == old {
			t.Fatal("it was not killed")
		}
	}
	stop()
	load.Wait()
	if p.theFront() != front {
		t.Error("the front has ended too")
	}
	if n := bare.Load(); n > 0 {
		t.Errorf("%d answers are neither 200 nor 503 with Retry-After", n)
	}
	for code, n := range l.refused {
		if code != http.StatusServiceUnavailable {
			t.Errorf("%d records were answered with %d, 0 being no answer", n, code)
		}
	}
	for _, sid := range open {
		call(t, token, "GET", sessions+sid, "").want(t, http.StatusOK).has(t, "open", true)
		call(t, token, "DELETE", sessions+sid, "").want(t, http.StatusOK)
	}
	// What a security module that was killed worked on is not left to it until the end of a lease, 45 s.
	within(t, 30*time.Second, "no record waits", func() bool { return l.ledger(t)["waiting"] == 0 })
	l.delivered(t, b)
	p.stop()
}

// TestKilledMain kills main: its children end, and a new start at the same address and in the same folder works at once.
func TestKilledMain(t *testing.T) {
	t.Parallel()
	dir := migratedDir(t)
	p := start(t, dir, nil, "--fronts=2")
	before := p.family()
	p.kill()
	again := start(t, dir, nil, "--fronts=2", "--listen="+strings.TrimPrefix(p.url, "http://"))
	gone(t, before...)
	call(t, "", "GET", again.url+"/readyz", "").want(t, http.StatusOK)
	again.stop()
	gone(t, again.cmd.Process.Pid)
}
