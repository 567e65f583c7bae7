package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
)

// holds tells which of some octets are in the memory of a process, by name.
func holds(t *testing.T, pid int, wanted map[string][]byte) (found []string) {
	t.Helper()
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	read := 0
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var from, to int64
		var rights string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &rights); err != nil || rights[0] != 'r' {
			continue
		}
		b := make([]byte, to-from)
		n, _ := memory.ReadAt(b, from) // the kernel's own pages can't be read
		read += n
		for name, octets := range wanted {
			if bytes.Contains(b[:n], octets) && !slices.Contains(found, name) {
				found = append(found, name)
			}
		}
	}
	if read < 1<<20 {
		t.Fatalf("only %d octets of process %d are read", read, pid)
	}
	return found
}

// TestKeyStaysInTheModule searches the memory of main and of a front that has made handshakes for the key of the listener.
func TestKeyStaysInTheModule(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root reads the memory of other processes")
	}
	dir := migratedDir(t)
	cert, key := certificateFiles(t, dir, "")
	p := start(t, dir, nil, "--tls-cert="+cert, "--tls-key="+key)
	client := trusting(t, cert)
	for range 20 {
		if res, _, err := ask(t, client, "https://"+strings.TrimPrefix(p.url, "http://")+"/readyz"); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%v, %v", res, err)
		}
	}
	text, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	big := parsed.(*ecdsa.PrivateKey).D.FillBytes(make([]byte, 32)) //nolint:staticcheck // the number itself is looked for
	little := slices.Clone(big)
	slices.Reverse(little)
	secrets := map[string][]byte{"its file": text[30:90], "its encoding": block.Bytes[:80], "its number": big, "its number in words": little}
	if found := holds(t, p.theModule(), secrets); len(found) == 0 {
		t.Error("the key is not even found in the security module: the search is no good")
	}
	for _, pid := range []int{p.theFront(), p.cmd.Process.Pid} {
		if found := holds(t, pid, secrets); len(found) > 0 {
			t.Errorf("process %d has of the key: %v", pid, found)
		}
	}
	p.stop()
}
