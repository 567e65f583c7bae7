package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// tacacsModule holds the server that the page about TACACS+ names, which is a module of its own.
const tacacsModule = "../../internal/engines/tacacs/tacquitotest"

// tacacsEnv starts the TACACS+ server that a page's scripts ask for, with the flags that the page
// shows, and returns the variables by which they know it. A page that asks for none gets none.
func tacacsEnv(t *testing.T, blocks []block, dir string) []string {
	t.Helper()
	if !slices.ContainsFunc(blocks, func(b block) bool { return b.kind == "sh" && strings.Contains(b.text, "$TACACS_PORT") }) {
		return nil
	}
	const secret = "example secret"
	log := filepath.Join(dir, "tacacs.log")
	_, port, err := net.SplitHostPort(startTacquito(t, dir, log,
		"-secret", secret, "-user", "bob:correct horse", "-permit", "show .*", "-set", "priv-lvl=15"))
	if err != nil {
		t.Fatal(err)
	}
	return []string{"TACACS_PORT=" + port, "TACACS_SECRET=" + secret, "TACACS_LOG=" + log}
}

// startTacquito builds and starts the server with its output in a file, and returns its address. It
// writes into the file itself, so that a record is there when its answer is.
func startTacquito(t *testing.T, dir, log string, args ...string) string {
	t.Helper()
	bin := filepath.Join(dir, "tacquito")
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	build := exec.CommandContext(ctx, tool(t, "go"), "build", "-o", bin, "./server")
	build.Dir = tacacsModule
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	file, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var errs bytes.Buffer
	cmd := exec.Command(bin, args...)
	cmd.Stdout, cmd.Stderr = file, &errs
	stdin, err := cmd.StdinPipe() // whose end ends the server
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() {
		stdin.Close()
		select {
		case <-exited:
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			t.Error("the TACACS+ server did not end with its standard input")
			<-exited
		}
		if t.Failed() {
			t.Logf("the TACACS+ server's errors:\n%s", errs.String())
		}
	})
	var address string
	eventually(t, "the TACACS+ server says where it listens", func() bool {
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		first, _, ok := strings.Cut(string(text), "\n")
		address = first
		return ok
	})
	return address
}
