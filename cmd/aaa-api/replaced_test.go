package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aaa-api/internal/fsm"
)

// The passwords first and second, as openssl passwd -5 hashes them.
const (
	hashOfFirst  = "$5$abcdefgh$8DzkI0O2Flt7V/8BPiPRqKANYulqivqyp7DUB0K9/k/"
	hashOfSecond = "$5$abcdefgh$ivz0p5I.Ho5nMpcruGMQyVeX2A0PkUsAdnPKWpn15q4"
)

// TestReplacedFiles: a service that has given up all files but some reads those that are put in their place: a certificate by a link to a
// folder that is turned, the key file and the file of passwords by a rename.
func TestReplacedFiles(t *testing.T) {
	t.Parallel()
	dir := migratedDir(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, folder := range []string{"certs/1", "certs/2", "key", "passwords"} {
		if err := os.MkdirAll(in(folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	certificateFiles(t, in("certs/1"), "")
	certificateFiles(t, in("certs/2"), "")
	turn := func(to string) {
		t.Helper()
		if err := errors.Join(os.Symlink(to, in("certs/next")), os.Rename(in("certs/next"), in("certs/current"))); err != nil {
			t.Fatal(err)
		}
	}
	turn("1")
	password := func(hash string) {
		t.Helper()
		overwrite(t, in("passwords/next"), "walter:"+hash+"\n")
		if err := os.Rename(in("passwords/next"), in("passwords/list")); err != nil {
			t.Fatal(err)
		}
	}
	password(hashOfFirst)
	keyFile := "--key-file=" + in("key/secret.key")
	p := start(t, dir, nil, "--demo", keyFile, "--tls-cert="+in("certs/current/tls.crt"), "--tls-key="+in("certs/current/tls.key"),
		"--unix-password-file="+in("passwords/list"), "--unix-password-accounts="+string(demoProvider), "--admin-listen=127.0.0.1:0")
	url := "https://" + strings.TrimPrefix(p.url, "http://")
	client := trusting(t, in("certs/1/tls.crt"))
	token := readToken(t, dir, "admin.token")
	send := func(method, path, body string, status int) answer {
		t.Helper()
		return callBy(t, client, token, method, url+"/v2/accounts/"+string(demoProvider)+"/aaa"+path, body).want(t, status)
	}

	table, _ := fsm.ParseText([]byte("Start:\n\t*.+AUTHEN.ACK\tUNIX-PW\tWait\nWait:\n\t*.UNIX-PW.ACK\tREPLY\tEnd\n\t*.UNIX-PW.NAK\tREPLY\tEnd\n\t*.UNIX-PW.ERROR\tREPLY\tEnd\nEnd:\n"))
	text, err := json.Marshal(table)
	if err != nil {
		t.Fatal(err)
	}
	send("PUT", "/fsm/host", `{"data":`+string(text)+`}`, http.StatusCreated)
	send("PATCH", "", `{"data":{"fsm":{"authn":"host"}}}`, http.StatusOK)
	login := func(text, result string) {
		t.Helper()
		send("POST", "/authn", `{"data":{"User-Name":"walter","User-Password":"`+text+`"}}`, http.StatusOK).has(t, "AAA-Result", result)
	}
	login("first", "accept")
	password(hashOfSecond)
	login("second", "accept")
	login("first", "reject")

	if stdout, stderr, code := here(t, dir, "", nil, "key", "rotate", keyFile); code != 0 || !strings.Contains(stdout, "the new key alone") {
		t.Fatalf("rotate: code %d: %s%s", code, stdout, stderr)
	}
	send("PUT", "/users/staff", `{"data":{"text":"bob:$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy\n"}}`, http.StatusCreated)

	turn("2")
	second := trusting(t, in("certs/2/tls.crt"))
	eventually(t, "the other certificate is in use", func() bool {
		_, _, err := ask(t, second, url+"/readyz")
		return err == nil
	})
	p.stop()
}
