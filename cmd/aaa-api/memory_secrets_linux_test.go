package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/fsm"
	"aaa-api/internal/radius"
)

// planted is a secret in the forms that memory may hold it in.
type planted map[string][]byte

// plantedKeys are the key of the key file and that of the certificate.
func plantedKeys(t *testing.T, keyFile, tlsKey string) (file, certificate planted) {
	t.Helper()
	text := strings.TrimSpace(readKey(t, keyFile))
	octets, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(readKey(t, tlsKey)))
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	scalar, err := parsed.(*ecdsa.PrivateKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	reversed := bytes.Clone(scalar)
	slices.Reverse(reversed)
	return planted{"text": []byte(text), "octets": octets},
		planted{"scalar": scalar, "reversed": reversed, "pem": []byte(base64.StdEncoding.EncodeToString(block.Bytes)[64:128])}
}

// search looks for secrets in all memory of a process, and returns those found, as NAME, FORM.
func search(t *testing.T, pid int, secrets map[string]planted) map[string]bool {
	t.Helper()
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	found := map[string]bool{}
	const piece, overlap = 1 << 20, 256
	piecePlus := make([]byte, piece+overlap)
	var total int64
	for _, r := range regions(t, pid) {
		for at := r.from; at < r.to; at += piece {
			n, err := memory.ReadAt(piecePlus[:min(piece+overlap, r.to-at)], at)
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, syscall.EIO) {
				t.Fatalf("%x of process %d: %v", at, pid, err)
			}
			total += int64(n)
			for name, forms := range secrets {
				for form, octets := range forms {
					if bytes.Contains(piecePlus[:n], octets) {
						found[name+", "+form] = true
					}
				}
			}
		}
	}
	if total < 10<<20 {
		t.Fatalf("%d octets of process %d were read", total, pid)
	}
	return found
}

type region struct{ from, to int64 }

// regions are the regions of a process of which some is in memory or in swap.
func regions(t *testing.T, pid int) (list []region) {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var last region
	var name string
	for s := bufio.NewScanner(f); s.Scan(); {
		fields := strings.Fields(s.Text())
		if from, to, ok := strings.Cut(fields[0], "-"); ok {
			a, aerr := strconv.ParseInt(from, 16, 64)
			b, berr := strconv.ParseInt(to, 16, 64)
			if aerr != nil || berr != nil { // [vsyscall], above all that is memory
				last = region{}
				continue
			}
			last, name = region{a, b}, fields[len(fields)-1]
			continue
		}
		if fields[0] != "Rss:" && fields[0] != "Swap:" || fields[1] == "0" || last.to == 0 || strings.HasPrefix(name, "[v") {
			continue
		}
		if last.to-last.from > 16<<30 {
			if !raced {
				t.Fatalf("process %d maps %d GiB at once", pid, (last.to-last.from)>>30)
			}
			continue // the race detector's notes of who used what
		}
		list, last = append(list, last), region{}
	}
	return list
}

// randomHash is a hash of sha256crypt of nobody knows what.
func randomHash() string {
	const letters = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	octets := make([]byte, 43)
	aaa.Random(octets)
	for i := range octets {
		octets[i] = letters[octets[i]%64]
	}
	octets[42] = letters[octets[42]%16] // it has four bits
	return "$5$rounds=1000$" + aaa.NewID()[:8] + "$" + string(octets)
}

// TestFrontHasNoSecrets plants secrets, sends 1,000 requests that the service needs them for, and searches the memory of its processes: the
// front has none of them, main neither. That the search finds what is there, the security module's memory shows.
//
// A document passes through a front when it is written. So the front that did that is killed before the requests.
func TestFrontHasNoSecrets(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root reads the memory of others")
	}
	dir := migratedDir(t)
	cert, key := certificateFiles(t, dir, "")
	p := start(t, dir, nil, "--tls-cert="+cert, "--tls-key="+key)
	url := "https://" + strings.TrimPrefix(p.url, "http://") + "/v2/accounts"
	client := trusting(t, cert)
	token := readToken(t, dir, "admin.token")

	// All are made now: the processes run this test's program, which has its constants in memory.
	radiusSecret, tacacsSecret, hash := aaa.NewID(), aaa.NewID(), randomHash()
	secrets := map[string]planted{
		"RADIUS secret":  {"text": []byte(radiusSecret)},
		"TACACS+ secret": {"text": []byte(tacacsSecret)},
		"password hash":  {"text": []byte(hash[len(hash)-43:])},
	}
	secrets["key file"], secrets["TLS key"] = plantedKeys(t, filepath.Join(dir, "data", "secret.key"), key)

	server := enginetest.NewScriptedRADIUS(t, radiusSecret, func(q *enginetest.Query) { q.Send(q.Answer(radius.AccessAccept)) })
	device := startTACACSWith(t, tacacsSecret)
	made := func(name, document string) string {
		t.Helper()
		id, _ := callBy(t, client, token, "PUT", url, `{"data":{"name":"`+name+`"}}`).want(t, http.StatusCreated).Data["id"].(string)
		callBy(t, client, token, "PUT", url+"/"+id+"/aaa", document).want(t, http.StatusCreated)
		return url + "/" + id + "/aaa"
	}
	document := func(engine, dictionary, secret string, port int, user, password string) string {
		rules, err := json.Marshal([]any{rule("User-Name", user), rule("User-Password", password)})
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf(`{"data":{"aaa_mode":"on","servers":[{"enabled":true,"name":"one","address":"127.0.0.1","port":%d,"secret":%q,"aaa_engine":%q,"dicts":[%q],"timeout":20000}],
			"authentication":["one"],"authorization":[],"accounting":[],"workers":32,"nas_address":"127.0.0.1","nas_port":"1",
			"authn_avp_translation":%s}}`, port, secret, engine, dictionary, rules)
	}
	viaRADIUS := made("radius", document("radius", "dictionary", radiusSecret, int(server.Addr.Port()), "User-Name", "User-Password"))
	viaTACACS := made("tacacs", document("tacacs", "dictionary_tacacs", tacacsSecret, device.ln.Addr().(*net.TCPAddr).Port, "user", "password"))
	viaFile := made("file", document("radius", "dictionary", radiusSecret, int(server.Addr.Port()), "User-Name", "User-Password"))
	callBy(t, client, token, "PUT", viaFile+"/users/staff", `{"data":{"text":"bob:`+hash+`\n"}}`).want(t, http.StatusCreated)
	table, _ := fsm.ParseText([]byte("Start:\n\t*.+AUTHEN.ACK\tFILE\tWait\tXstring=staff\nWait:\n\t*.FILE.ACK\tREPLY\tEnd\n\t*.FILE.NAK\tREPLY\tEnd\n\t*.FILE.ERROR\tREPLY\tEnd\nEnd:\n"))
	text, err := json.Marshal(table)
	if err != nil {
		t.Fatal(err)
	}
	callBy(t, client, token, "PUT", viaFile+"/fsm/host", `{"data":`+string(text)+`}`).want(t, http.StatusCreated)
	callBy(t, client, token, "PATCH", viaFile, `{"data":{"fsm":{"authn":"host"}}}`).want(t, http.StatusOK)

	writer := p.pids()[2]
	if err := syscall.Kill(writer, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another front serves", func() bool {
		a, err := tryCallBy(t.Context(), client, token, "GET", strings.Replace(url, "/accounts", "/whoami", 1), "")
		return err == nil && a.Status == http.StatusOK
	})
	// Each connection needs the TLS key, but a handshake for each request would be most of the test's work.
	kept := trusting(t, cert)
	kept.Transport.(*http.Transport).DisableKeepAlives = false
	defer kept.CloseIdleConnections()
	login := aaa.NewID()
	var requests atomic.Int32
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for n := requests.Add(1); n <= 1000; n = requests.Add(1) {
				at, want := viaRADIUS, "accept"
				switch n % 3 {
				case 1:
					at, want = viaTACACS, "reject"
				case 2:
					at, want = viaFile, "reject"
				}
				by := kept
				if n%10 == 0 {
					by = client // by a connection of its own
				}
				a, err := tryCallBy(t.Context(), by, token, "POST", at+"/authn", `{"data":{"User-Name":"bob","User-Password":"`+login+`"}}`)
				if err != nil || a.Data["AAA-Result"] != want {
					t.Errorf("request %d: %v %s", n, err, a.Body)
					return
				}
			}
		})
	}
	workers.Wait()

	pids := p.pids()
	if pids[2] == writer {
		t.Fatal("the front that wrote the documents lives")
	}
	for name := range search(t, pids[2], secrets) {
		t.Errorf("the front has: %s", name)
	}
	for name := range search(t, pids[0], secrets) {
		t.Errorf("main has: %s", name)
	}
	there := search(t, pids[1], secrets)
	for name := range secrets {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(there)), func(found string) bool { return strings.HasPrefix(found, name+", ") }) {
			t.Errorf("the search does not find what the security module has: %s", name)
		}
	}
	// What passes through a front is there, as the documentation says: the search finds it.
	if !search(t, pids[2], map[string]planted{"token": {"text": []byte(token)}})["token, text"] {
		t.Error("the search does not find the token of the requests in the front")
	}
	p.stop()
}
