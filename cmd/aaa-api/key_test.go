package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKeyRotateAndReset goes an operator's way with one node: the key is changed while the node runs, then the file is lost.
func TestKeyRotateAndReset(t *testing.T) {
	t.Parallel()
	dir := migratedDir(t)
	keyFile := filepath.Join(dir, "data", "secret.key")
	p := start(t, dir, nil, "--demo")
	token := readToken(t, dir, "admin.token")
	provider := p.url + "/v2/accounts/" + string(demoProvider)
	login := func(p *process) answer {
		return call(t, token, "POST", p.url+"/v2/accounts/"+string(demoProvider)+"/aaa/authn", `{"data":{"User-Name":"alice","User-Password":"wonderland"}}`)
	}
	login(p).want(t, http.StatusOK).has(t, "AAA-Result", "accept")

	if _, stderr, code := here(t, dir, "", nil, "key", "reset"); code != 2 || !strings.Contains(stderr, "--lose-secrets") {
		t.Errorf("reset without a word: code %d: %s", code, stderr)
	}
	if _, stderr, code := here(t, dir, "", nil, "key", "reset", "--lose-secrets"); code != 1 || !strings.Contains(stderr, "another aaa-api serves") {
		t.Errorf("reset beside a running node: code %d: %s", code, stderr)
	}
	before := readKey(t, keyFile)
	if stdout, stderr, code := here(t, dir, "", nil, "key", "rotate"); code != 0 || !strings.Contains(stdout, "the new key alone") {
		t.Fatalf("rotate: code %d: %s%s", code, stdout, stderr)
	}
	if after := readKey(t, keyFile); after == before || strings.Count(after, "\n") != 1 {
		t.Error("the key file does not hold one new key")
	}
	// The running node seals and opens under the new key.
	made := call(t, token, "PUT", provider, `{"data":{"name":"Later"}}`).want(t, http.StatusCreated)
	later, _ := made.Data["id"].(string)
	document := `{"data":{"aaa_mode":"on","servers":[{"enabled":true,"name":"s","address":"127.0.0.1","port":1` +
		`,"secret":"testing-secret","aaa_engine":"radius","dicts":["dictionary"]}],"authentication":["s"],"authorization":[],"accounting":["s"],"workers":1,"nas_address":"192.0.2.1","nas_port":"1"}}`
	call(t, token, "PUT", p.url+"/v2/accounts/"+later+"/aaa", document).want(t, http.StatusCreated)
	records := p.url + "/v2/accounts/" + later + "/aaa"
	for _, status := range []string{"Start", "Stop"} {
		call(t, token, "POST", records+"/accounting?accept=stored", `{"data":{"User-Name":"alice","Acct-Status-Type":"`+status+`","Acct-Session-Id":"call-1"}}`).
			want(t, http.StatusOK).has(t, "AAA-Result", "stored")
	}
	call(t, token, "PATCH", provider+"/aaa", `{"data":{"workers":6}}`).want(t, http.StatusOK)
	login(p).want(t, http.StatusOK).has(t, "AAA-Result", "accept")
	call(t, token, "PUT", provider+"/aaa/users/staff", `{"data":{"text":"bob:$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy\n"}}`).want(t, http.StatusCreated)
	call(t, token, "PUT", provider+"/aaa/clients/switch", `{"data":{"address":"127.3.1.1","secret":"testing-secret-of-it","coa":{"secret":"testing-secret-of-it"}}}`).want(t, http.StatusCreated)
	p.stop()
	if _, stderr, code := here(t, dir, "", nil, "key", "reset", "--lose-secrets"); code != 1 || !strings.Contains(stderr, "nothing was changed") {
		t.Errorf("reset with a good key: code %d: %s", code, stderr)
	}

	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, "data", "journal", "node-0123456789abcdef-0123456789abcdef")
	if err := errors.Join(os.MkdirAll(left, 0o700), os.WriteFile(filepath.Join(left, "01800000000000000000-01234567.seg"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := here(t, dir, "", nil, "serve", "--listen=127.0.0.1:0"); code != 1 || !strings.Contains(stderr, "aaa-api key reset") {
		t.Errorf("without the key file: code %d: %s", code, stderr)
	}
	stdout, stderr, code := here(t, dir, "", nil, "key", "reset", "--lose-secrets")
	if code != 0 {
		t.Fatalf("reset: code %d: %s%s", code, stdout, stderr)
	}
	for _, want := range []string{
		string(demoProvider) + ` ("Demo provider"): servers.0.secret, users file staff, client demo-devices: secret, client switch: secret, client switch: coa.secret`, later + ` ("Later"): servers.0.secret, 2 accounting records`,
		"6 secrets and users files have to be entered again", "2 accounting records can't be sent any more: they are parked",
		"journal has accounting records sealed with the lost key, in 1 files",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in:\n%s", want, stdout)
		}
	}

	// The demo's server may get another port, and then its document can't be written.
	taken, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", demoPort(t.Context(), openStoreIn(t, dir))))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	start(t, dir, nil, "--demo").stop()

	p = start(t, dir, nil)
	provider = p.url + "/v2/accounts/" + string(demoProvider)
	lost := login(p).want(t, http.StatusServiceUnavailable)
	if !strings.Contains(lost.Body, "write the document with its secrets again") {
		t.Errorf("a request with a lost secret: %s", lost.Body)
	}
	kept := call(t, token, "PATCH", provider+"/aaa", `{"data":{"workers":7}}`).want(t, http.StatusBadRequest)
	if !strings.Contains(kept.Body, "servers.0.secret") || !strings.Contains(kept.Body, "write the secret itself") {
		t.Errorf("a write that keeps a lost secret: %s", kept.Body)
	}
	parked := call(t, token, "GET", p.url+"/v2/accounts/"+later+"/aaa/spool?filter_state=parked&filter_user=alice", "").want(t, http.StatusOK).Body
	if strings.Count(parked, `"acct_session_id":"call-1"`) != 2 || !strings.Contains(parked, `"parked":2`) || !strings.Contains(parked, "the key that it is sealed with is lost") {
		t.Errorf("the records that can't be opened: %s", parked)
	}
	call(t, token, "DELETE", p.url+"/v2/accounts/"+later+"/aaa/spool?filter_state=parked", "").want(t, http.StatusOK)
	// Written again, here with everything anew, both accounts work.
	call(t, token, "POST", provider+"/aaa", document).want(t, http.StatusOK)
	call(t, token, "POST", p.url+"/v2/accounts/"+later+"/aaa", document).want(t, http.StatusOK)
	for _, id := range []string{string(demoProvider), later} {
		call(t, token, "POST", p.url+"/v2/accounts/"+id+"/aaa/translate?op=authn", `{"data":{"User-Name":"a"}}`).want(t, http.StatusOK)
	}
}

func readKey(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
