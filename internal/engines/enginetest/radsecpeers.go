package enginetest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Files are the certificates of two ends, in PEM files.
type Files struct {
	Dir                string
	Server, ServerKey  string // of the server, and the authority that clients go by
	Client, ClientKey  string // of the client, and the authority that the server goes by
	ServerTLS, PeerTLS *tls.Config
}

// MutualFiles writes what MutualTLS returns to a folder.
func MutualFiles(t testing.TB) *Files {
	t.Helper()
	f := &Files{Dir: t.TempDir()}
	f.ServerTLS, f.PeerTLS = MutualTLS(t)
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(f.Dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	both := func(name string, c tls.Certificate) (cert, key string) {
		der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		return write(name+".pem", "CERTIFICATE", c.Certificate[0]), write(name+".key", "PRIVATE KEY", der)
	}
	f.Server, f.ServerKey = both("server", f.ServerTLS.Certificates[0])
	f.Client, f.ClientKey = both("client", f.PeerTLS.Certificates[0])
	return f
}

// TCPPort returns a free port on loopback.
func TCPPort(t testing.TB) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// UDPPort returns a free port on loopback.
func UDPPort(t testing.TB) netip.AddrPort {
	t.Helper()
	at, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// Daemon runs a program in the foreground until the test ends. ready says when it is at work.
func Daemon(t testing.TB, ready func() bool, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/" + name); err != nil {
			t.Fatalf("the Debian package of %s is missing", name)
		}
	}
	var out lockedBuffer
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("%s said:\n%s", name, out.String())
		}
	})
	for end := time.Now().Add(20 * time.Second); !ready(); time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s: %v: %s", name, err, out.String())
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("%s is not ready: %s", name, out.String())
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Connects reports whether something listens.
func Connects(at netip.AddrPort) bool {
	c, err := net.Dial("tcp", at.String())
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// Radsecproxy runs radsecproxy with a configuration until the test ends.
func Radsecproxy(t testing.TB, ready func() bool, conf string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "radsecproxy.conf")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	Daemon(t, ready, "radsecproxy", "-f", "-d", "2", "-c", path)
}

// FreeRADIUSOverTLS runs a FreeRADIUS whose only listener is RADIUS over TLS 1.3. It accepts alice with the password "correct horse", with a tunnel's
// password and an MPPE key in the reply, and any accounting.
func FreeRADIUSOverTLS(t testing.TB, f *Files, at netip.AddrPort, secret string) {
	t.Helper()
	binary, err := findFreeRADIUS()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	lib := "/usr/lib/freeradius"
	if _, err := os.Stat(lib); err != nil {
		lib = "/usr/lib64/freeradius"
	}
	conf := fmt.Sprintf(`
raddbdir = %[1]q
logdir = %[1]q
run_dir = %[1]q
libdir = %[2]q
name = tls
proxy_requests = no
log {
	destination = stdout
}
security {
	reject_delay = 0
	status_server = yes
}
thread pool {
	start_servers = 2
	max_servers = 4
	min_spare_servers = 1
	max_spare_servers = 4
	max_requests_per_server = 0
}
modules {
	pap {
	}
	chap {
	}
	always ok {
		rcode = ok
	}
}
clients tls {
	client loopback {
		ipaddr = 127.0.0.1
		proto = tls
		secret = %[4]q
		require_message_authenticator = yes
	}
}
server default {
	listen {
		type = auth+acct
		ipaddr = 127.0.0.1
		port = %[3]d
		proto = tcp
		virtual_server = default
		clients = tls
		limit {
			max_connections = 16
			lifetime = 0
			idle_timeout = 0
		}
		tls {
			private_key_file = %[6]q
			certificate_file = %[5]q
			ca_file = %[7]q
			fragment_size = 8192
			include_length = yes
			require_client_cert = yes
			tls_min_version = "1.2"
			tls_max_version = "1.3"
			cipher_list = "DEFAULT"
			ecdh_curve = ""
			cache {
				enable = no
			}
		}
	}
	authorize {
		if (&User-Name == "alice") {
			update control {
				&Cleartext-Password := "correct horse"
			}
			update reply {
				&Tunnel-Password:1 := "the tunnel's secret"
				&MS-MPPE-Send-Key := 0x000102030405060708090a0b0c0d0e0f
			}
		}
		chap
		pap
		Autz-Type Status-Server {
			ok
		}
	}
	authenticate {
		Auth-Type PAP {
			pap
		}
		Auth-Type CHAP {
			chap
		}
	}
	preacct {
		ok
	}
	accounting {
		ok
	}
}
`, dir, lib, at.Port(), secret, f.Server, f.ServerKey, f.Client)
	for name, content := range map[string]string{"radiusd.conf": conf, "dictionary": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	Daemon(t, func() bool { return Connects(at) }, binary, "-f", "-l", "stdout", "-d", dir)
}

// FreeRADIUSToTLS runs a FreeRADIUS that takes RADIUS over UDP at a port and sends it to a server over TLS 1.3, under the secret "radsec".
func FreeRADIUSToTLS(t testing.TB, f *Files, at, to netip.AddrPort, secret string, ready func() bool) {
	t.Helper()
	binary, err := findFreeRADIUS()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	lib := "/usr/lib/freeradius"
	if _, err := os.Stat(lib); err != nil {
		lib = "/usr/lib64/freeradius"
	}
	conf := fmt.Sprintf(`
raddbdir = %[1]q
logdir = %[1]q
run_dir = %[1]q
libdir = %[2]q
name = proxy
proxy_requests = yes
log {
	destination = stdout
}
security {
	reject_delay = 0
}
thread pool {
	start_servers = 2
	max_servers = 4
	min_spare_servers = 1
	max_spare_servers = 4
	max_requests_per_server = 0
}
modules {
	always ok {
		rcode = ok
	}
}
client loopback {
	ipaddr = 127.0.0.1
	secret = %[4]q
}
home_server here {
	type = auth+acct
	ipaddr = 127.0.0.1
	port = %[5]d
	proto = tcp
	secret = radsec
	status_check = status-server
	response_window = 20
	tls {
		private_key_file = %[7]q
		certificate_file = %[6]q
		ca_file = %[8]q
		fragment_size = 8192
		tls_min_version = "1.2"
		tls_max_version = "1.3"
		cipher_list = "DEFAULT"
		ecdh_curve = ""
	}
}
home_server_pool here {
	type = fail-over
	home_server = here
}
realm here {
	auth_pool = here
	acct_pool = here
}
server default {
	listen {
		type = auth
		ipaddr = 127.0.0.1
		port = %[3]d
	}
	authorize {
		update control {
			&Proxy-To-Realm := here
		}
	}
	preacct {
		update control {
			&Proxy-To-Realm := here
		}
	}
	accounting {
		ok
	}
}
`, dir, lib, at.Port(), secret, to.Port(), f.Client, f.ClientKey, f.Server)
	for name, content := range map[string]string{"radiusd.conf": conf, "dictionary": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	Daemon(t, ready, binary, "-f", "-l", "stdout", "-d", dir)
}
