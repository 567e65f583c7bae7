package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// install puts a copy of this program at a path, in the place of what is there.
func install(t *testing.T, path string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "cp", self, path+".new").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// installText is install for another program.
func installText(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// TestUpgrade replaces the program of a node that serves. Connections that come all the while are answered, a request in flight is finished, and
// the processes are those of the new program. A program that does not start is told of, and the one before goes on.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}, 8), make(chan struct{})
	port := slowRADIUS(t, func() {
		arrived <- struct{}{}
		<-release
	})
	dir := migratedDir(t)
	first, link := filepath.Join(dir, "first"), filepath.Join(dir, "aaa-api")
	install(t, first)
	if err := os.Symlink("first", link); err != nil {
		t.Fatal(err)
	}
	p := launchAs(t, dir, nil, func(cmd *exec.Cmd) { cmd.Path, cmd.Args[0] = link, link }, "--admin-listen=127.0.0.1:0", "--fronts=2")
	p.await()
	token := readToken(t, dir, "admin.token")
	at := p.url + "/v2/accounts/" + rootOf(t, p, token) + "/aaa"
	call(t, token, "PUT", at, documentFor(port)).want(t, http.StatusCreated)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var load sync.WaitGroup
	var answered atomic.Int64
	for _, url := range []string{p.url, p.url, "http://" + p.admin} {
		load.Go(func() {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
			for ctx.Err() == nil {
				res, err := client.Get(url + "/readyz")
				if err != nil {
					t.Errorf("a connection fails: %v", err)
					return
				}
				res.Body.Close()
				if res.StatusCode != http.StatusOK {
					t.Errorf("status %d", res.StatusCode)
				}
				answered.Add(1)
			}
		})
	}
	go func() {
		<-arrived
		if err := p.cmd.Process.Signal(syscall.SIGUSR2); err != nil {
			t.Error(err)
		}
		eventually(t, "the node begins to upgrade", func() bool { return strings.Contains(p.log(), `"msg":"upgrade: `) })
		close(release)
	}()

	before := p.family()
	if err := errors.Join(os.Symlink("second", link+".new"), os.Rename(link+".new", link)); err != nil {
		t.Fatal(err)
	}
	install(t, filepath.Join(dir, "second"))
	a := call(t, token, "POST", at+"/authn", `{"data":{"User-Name":"alice","User-Password":"wonderland"}}`)
	a.want(t, http.StatusOK).has(t, "AAA-Result", "accept")
	gone(t, before[1:]...)
	serves := func(program string) func() bool {
		return func() bool {
			children := p.children()
			if len(children["front"]) != 2 || len(children["secmod"]) != 1 {
				return false
			}
			for _, pid := range p.family() {
				if exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); exe != program {
					return false
				}
			}
			return true
		}
	}
	more := func() {
		t.Helper()
		had := answered.Load()
		eventually(t, "connections are answered", func() bool { return answered.Load() > had+20 })
	}
	eventually(t, "the second program serves", serves(filepath.Join(dir, "second")))
	more()

	// What is no program.
	now := p.family()
	installText(t, link, "no program")
	if err := p.cmd.Process.Signal(syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log tells of it", func() bool { return strings.Contains(p.log(), "no upgrade: the new binary does not start") })
	more()
	if !slices.Equal(p.family(), now) {
		t.Error("the processes are others than before")
	}
	// What says its version and is gone then.
	installText(t, link, "#!/bin/sh\necho aaa-api next\nrm \"$0\"\n")
	if err := p.cmd.Process.Signal(syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log tells of it", func() bool { return strings.Contains(p.log(), "no upgrade: going on with this version") })
	eventually(t, "the second program serves on", serves(filepath.Join(dir, "second")))
	more()
	// And the same signal upgrades still.
	install(t, filepath.Join(dir, "third"))
	if err := os.Symlink("third", link); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Process.Signal(syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the third program serves", serves(filepath.Join(dir, "third")))
	more()
	stop()
	load.Wait()
	call(t, token, "GET", at, "").want(t, http.StatusOK)
	p.stop()
	if c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://")); err == nil {
		c.Close()
		t.Error("the port is open still")
	}
}

// TestUpgradeTLS upgrades a node again and again under connections with TLS, of HTTP/1.1 and HTTP/2, each of which has one request.
func TestUpgradeTLS(t *testing.T) {
	t.Parallel()
	dir := migratedDir(t)
	cert, key := certificateFiles(t, dir, "")
	p := start(t, dir, nil, "--tls-cert="+cert, "--tls-key="+key)
	url := "https://" + strings.TrimPrefix(p.url, "http://") + "/healthz"
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var load sync.WaitGroup
	var answered [2]atomic.Int64
	for i, protocol := range []string{"HTTP/2.0", "HTTP/1.1"} {
		client := trusting(t, cert)
		client.Transport.(*http.Transport).ForceAttemptHTTP2 = protocol == "HTTP/2.0"
		load.Go(func() {
			for ctx.Err() == nil {
				res, _, err := ask(t, client, url)
				if err != nil || res.StatusCode != http.StatusOK || res.Proto != protocol {
					t.Errorf("a connection of %s fails: %v, %v", protocol, res, err)
					return
				}
				answered[i].Add(1)
			}
		})
	}
	for n := range short(20, 3) {
		had := []int64{answered[0].Load(), answered[1].Load()}
		eventually(t, "connections are answered", func() bool { return answered[0].Load() > had[0]+10 && answered[1].Load() > had[1]+10 })
		before := p.family()
		if err := p.cmd.Process.Signal(syscall.SIGUSR2); err != nil {
			t.Fatal(err)
		}
		gone(t, before[1:]...)
		eventually(t, "the node serves again", func() bool { return strings.Count(p.log(), `"msg":"serving"`) == n+2 })
	}
	stop()
	load.Wait()
	p.stop()
}
