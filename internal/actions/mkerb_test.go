//go:build !embedded

package actions_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"aaa-api/internal/actions"
)

const realm = "EXAMPLE.COM"

// startKDC starts an MIT Kerberos server on loopback that lives as long as the test, with users of every kind:
// kadmin.local's commands. It returns its address.
func startKDC(t *testing.T, commands string) string {
	t.Helper()
	for range 5 { // another process may take the port that was free
		if addr, ok := tryKDC(t, commands); ok {
			return addr
		}
	}
	t.Fatal("no Kerberos server could be started")
	return ""
}

func tryKDC(t *testing.T, commands string) (addr string, ok bool) {
	t.Helper()
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = l.Addr().String()
	l.Close()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("krb5.conf", "[libdefaults]\n\tdefault_realm = "+realm+"\n\tdns_lookup_kdc = false\n")
	write("kdc.conf", `[kdcdefaults]
	kdc_listen = ""
	kdc_tcp_listen = `+addr+`
[realms]
	`+realm+` = {
		database_name = `+dir+`/principal
		key_stash_file = `+dir+`/stash
		acl_file = `+dir+`/acl
		supported_enctypes = aes256-cts:normal aes128-cts:normal
	}
`)
	// Programs of the server are where only its administrator looks.
	path := os.Getenv("PATH") + ":/usr/sbin:/usr/local/sbin"
	program := func(stdin string, name string, args ...string) *exec.Cmd {
		t.Helper()
		for _, folder := range filepath.SplitList(path) {
			if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
				name = filepath.Join(folder, name)
				break
			}
		}
		cmd := exec.Command(name, args...)
		cmd.Stdin = strings.NewReader(stdin)
		cmd.Env = append(os.Environ(), "KRB5_CONFIG="+dir+"/krb5.conf", "KRB5_KDC_PROFILE="+dir+"/kdc.conf", "LC_ALL=C")
		return cmd
	}
	for _, cmd := range []*exec.Cmd{
		program("", "kdb5_util", "-r", realm, "create", "-s", "-P", "master"),
		program(commands, "kadmin.local", "-r", realm),
	} {
		if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "error") {
			t.Fatalf("%s: %v\n%s", cmd, err, out)
		}
	}
	var out bytes.Buffer
	kdc := program("", "krb5kdc", "-n", "-r", realm)
	kdc.Stdout, kdc.Stderr = &out, &out
	if err := kdc.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = kdc.Wait() }()
	t.Cleanup(func() { _ = kdc.Process.Kill(); <-ended })
	for {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			return addr, true
		}
		select {
		case <-ended:
			t.Logf("krb5kdc: %s", out.String())
			return "", false
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func TestMKERB(t *testing.T) {
	t.Parallel()
	addr := startKDC(t, `addprinc +requires_preauth -pw "correct horse" bob
addprinc -requires_preauth -pw "correct horse" open
addprinc +requires_preauth -pw "correct horse" bob/admin
addprinc +requires_preauth -allow_tix -pw "correct horse" revoked
addprinc +requires_preauth -expire "2001-01-01" -pw "correct horse" gone
addprinc +requires_preauth -pwexpire "2001-01-01" -pw "correct horse" stale
addprinc +requires_preauth -e aes128-cts:normal -pw "correct horse" short
addprinc +requires_preauth -e aes256-sha2:normal -pw "correct horse" modern
addprinc +requires_preauth -pw "Zoë's pässword" zoe
addpol -maxfailure 2 -lockoutduration 1h twice
addprinc +requires_preauth -policy twice -pw "correct horse" guessed
`)
	a := newOneAction(t, actions.NewMKERB(nil), `Xstring="`+realm+"@"+addr+`"`)
	for _, c := range []struct{ name, password, want string }{
		{"bob", "correct horse", "ACK"},
		{"bob@" + realm, "correct horse", "ACK"},
		{"bob@example.com", "correct horse", "ACK"},
		{"bob", "correct house", "NAK"},
		{"bob", "", "NAK"},
		{"bob@EXAMPLE.ORG", "correct horse", "NAK"},
		{"bob@EXAMPLE.COM@EXAMPLE.COM", "correct horse", "NAK"},
		{"bob/admin", "correct horse", "NAK"},
		{"bob\\admin", "correct horse", "NAK"},
		{"nobody", "correct horse", "NAK"},
		{"open", "correct horse", "ACK"},
		{"open", "correct house", "NAK"},
		{"revoked", "correct horse", "NAK"},
		{"gone", "correct horse", "NAK"},
		{"stale", "correct horse", "NAK"},
		{"short", "correct horse", "ACK"},
		{"modern", "correct horse", "ACK"},
		{"modern", "correct house", "NAK"},
		{"zoe", "Zoë's pässword", "ACK"},
		{"zoe", "Zoe's passwort", "NAK"},
		{"guessed", "1", "NAK"},
		{"guessed", "2", "NAK"},
		{"guessed", "correct horse", "NAK"},
	} {
		if got := a.login(t, c.name, c.password); got != c.want {
			t.Errorf("%s with %q: %s, want %s\n%s", c.name, c.password, got, c.want, a.log)
		}
	}
	a.silent(t, "correct", "pässword")

	// The first server of a list is dead; it has no other realm; a realm alone is looked up in DNS.
	dead := newOneAction(t, actions.NewMKERB(nil), `Xstring="`+realm+"@127.0.0.1:1,"+addr+`"`)
	if got := dead.login(t, "bob", "correct horse"); got != "ACK" {
		t.Errorf("behind a dead server: %s\n%s", got, dead.log)
	}
	other := newOneAction(t, actions.NewMKERB(nil), `Xstring="EXAMPLE.ORG@`+addr+`"`)
	if got := other.login(t, "bob", "correct horse"); got == "ACK" {
		t.Errorf("another realm: %s\n%s", got, other.log)
	}
	_, port, _ := net.SplitHostPort(addr)
	n, _ := strconv.Atoi(port)
	dns := newNames(t)
	dns.srv["_kerberos._tcp.example.com."] = srv{"kdc.example.com.", uint16(n)}
	dns.hosts["kdc.example.com."] = [4]byte{127, 0, 0, 1}
	found := newOneAction(t, actions.NewMKERB(dns.resolver()), "Xstring="+realm)
	if got := found.login(t, "bob", "correct horse"); got != "ACK" {
		t.Errorf("by DNS: %s\n%s", got, found.log)
	}
	lost := newOneAction(t, actions.NewMKERB(dns.resolver()), "Xstring=EXAMPLE.ORG")
	if got := lost.login(t, "bob", "correct horse"); got != "ERROR" {
		t.Errorf("a realm that DNS does not know: %s\n%s", got, lost.log)
	}
}

// TestMKERBBadServers has servers that a tenant may have named to do harm, or that are broken.
func TestMKERBBadServers(t *testing.T) {
	t.Parallel()
	refusal := func(code int32, data []byte) []byte {
		e := messages.NewKRBError(types.NewPrincipalName(2, "krbtgt/"+realm), realm, code, "")
		e.EData = data
		b, err := e.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	framed := func(b []byte) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...) }
	// ETYPE-INFO2 with one entry for AES256: 2^32-1 rounds; and hints that name RC4 alone, or nothing.
	rounds := []byte{0x30, 0x1c, 0x30, 0x1a, 0xa1, 0x03, 0x02, 0x01, 0x13, 0xa2, 0x13, 0x04, 0x11, 0x30, 0x0f, 0x30, 0x0d, 0xa0, 0x03, 0x02, 0x01, 0x12, 0xa2, 0x06, 0x04, 0x04, 0xff, 0xff, 0xff, 0xff}
	rc4 := []byte{0x30, 0x14, 0x30, 0x12, 0xa1, 0x03, 0x02, 0x01, 0x13, 0xa2, 0x0b, 0x04, 0x09, 0x30, 0x07, 0x30, 0x05, 0xa0, 0x03, 0x02, 0x01, 0x17}
	for name, c := range map[string]struct {
		reply []byte
		want  string
		says  string
	}{
		"skewed clock":        {framed(refusal(errorcode.KRB_AP_ERR_SKEW, nil)), "ERROR", "SKEW"},
		"another realm":       {framed(refusal(errorcode.KDC_ERR_WRONG_REALM, nil)), "ERROR", "REALM"},
		"overloaded":          {framed(refusal(errorcode.KDC_ERR_SVC_UNAVAILABLE, nil)), "ERROR", ""},
		"unknown user":        {framed(refusal(errorcode.KDC_ERR_C_PRINCIPAL_UNKNOWN, nil)), "NAK", ""},
		"too many rounds":     {framed(refusal(errorcode.KDC_ERR_PREAUTH_REQUIRED, rounds)), "ERROR", "rounds"},
		"RC4 alone":           {framed(refusal(errorcode.KDC_ERR_PREAUTH_REQUIRED, rc4)), "ERROR", "AES"},
		"no hints":            {framed(refusal(errorcode.KDC_ERR_PREAUTH_REQUIRED, []byte{0x30, 0})), "ERROR", "AES"},
		"malformed hints":     {framed(refusal(errorcode.KDC_ERR_PREAUTH_REQUIRED, []byte{0x30, 9, 1})), "ERROR", "hints"},
		"no Kerberos":         {framed([]byte("SSH-2.0-OpenSSH_9.2p1 Debian-2")), "ERROR", "reply"},
		"four gigabytes":      {[]byte{0xff, 0xff, 0xff, 0xff, 1}, "ERROR", "octets"},
		"nothing":             {framed(nil), "ERROR", "octets"},
		"cut off":             {framed(refusal(24, nil))[:20], "ERROR", "EOF"},
		"closed at once":      {nil, "ERROR", "EOF"},
		"proof refused twice": {framed(refusal(errorcode.KDC_ERR_PREAUTH_FAILED, nil)), "NAK", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := scripted(t, c.reply)
			a := newOneAction(t, actions.NewMKERB(nil), `Xstring="`+realm+"@"+addr+`"`)
			start := time.Now()
			if got := a.login(t, "bob", "correct horse"); got != c.want {
				t.Errorf("%s, want %s\n%s", got, c.want, a.log)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("it took %s", took)
			}
			if log := a.log.String(); !strings.Contains(log, c.says) || strings.Contains(log, "panic") {
				t.Errorf("log without %q:\n%s", c.says, log)
			}
			a.silent(t, "correct")
		})
	}
}

// scripted accepts connections, reads a request from each and answers with the same octets.
func scripted(t *testing.T, reply []byte) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				var head [4]byte
				if _, err := io.ReadFull(conn, head[:]); err != nil {
					return
				}
				if _, err := io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(head[:]))); err == nil {
					_, _ = conn.Write(reply)
				}
			})
		}
	})
	return l.Addr().String()
}

// TestMKERBSilence ends with the request, not with the server.
func TestMKERBSilence(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // the kernel accepts, nobody answers
	a := newOneAction(t, actions.NewMKERB(nil), `Xstring="`+realm+"@"+l.Addr().String()+`"`)
	start := time.Now()
	if got := a.login(t, "bob", "correct horse"); got != "ERROR" {
		t.Errorf("%s, want ERROR\n%s", got, a.log)
	}
	if took := time.Since(start); took > 6*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestMKERBXstring(t *testing.T) {
	t.Parallel()
	for _, xstring := range []string{
		"@127.0.0.1", "A B@127.0.0.1", realm + "@", realm + "@127.0.0.1:0", realm + "@127.0.0.1:99999", realm + "@127.0.0.1,,",
		realm + "@" + strings.TrimSuffix(strings.Repeat("127.0.0.1,", 9), ","), "A/B@127.0.0.1", realm + "@a@b",
	} {
		a := newOneAction(t, actions.NewMKERB(nil), fmt.Sprintf("Xstring=%q", xstring))
		if got := a.login(t, "bob", "correct horse"); got != "ERROR" || !strings.Contains(a.log.String(), "Xstring") {
			t.Errorf("%s: %s, want ERROR\n%s", xstring, got, a.log)
		}
	}
}
