package enginetest

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"

	_ "embed"
)

// FreeRADIUSEnv names a folder in which a FreeRADIUS that LaunchFreeRADIUS started is
// at work already. Without it each test process starts one of its own.
const FreeRADIUSEnv = "AAA_API_TEST_FREERADIUS"

// FreeRADIUSServer is a running FreeRADIUS 3 on loopback. Its users are in users.conf.
type FreeRADIUSServer struct {
	AuthAddr     netip.AddrPort // authentication and Status-Server
	AcctAddr     netip.AddrPort // accounting and Status-Server
	Secret       string         // with any client on loopback
	ChangingAddr netip.AddrPort // authentication by clients whose secret is what SecretFile holds, after a second or two
	SecretFile   string
	DetailFile   string // accounting records, in FreeRADIUS's detail form
	Dir          string // holds the configuration and the log
}

//go:embed radiusd.conf
var radiusdConf string

//go:embed users.conf
var usersConf string

var shared struct {
	once   sync.Once
	server *FreeRADIUSServer
	err    error
}

// FreeRADIUS returns the server of this test process, which is started when first
// asked for and ends with the process. A test fails where it can't be had.
func FreeRADIUS(t testing.TB) *FreeRADIUSServer {
	t.Helper()
	shared.once.Do(func() {
		if dir := os.Getenv(FreeRADIUSEnv); dir != "" {
			shared.server, shared.err = loadFreeRADIUS(dir)
			return
		}
		var dir string
		if dir, shared.err = os.MkdirTemp("", "aaa-api-freeradius-"); shared.err == nil {
			shared.server, _, shared.err = LaunchFreeRADIUS(dir)
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}

func loadFreeRADIUS(dir string) (*FreeRADIUSServer, error) {
	b, err := os.ReadFile(filepath.Join(dir, "server.json"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", FreeRADIUSEnv, err)
	}
	s := new(FreeRADIUSServer)
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("%s: %w", FreeRADIUSEnv, err)
	}
	return s, s.ready(time.Second)
}

// LaunchFreeRADIUS starts a FreeRADIUS whose configuration and files are in dir, an
// empty folder. It ends, and dir is removed, when stop is called or the calling process
// ends in whatever way.
func LaunchFreeRADIUS(dir string) (s *FreeRADIUSServer, stop func(), err error) {
	binary, err := findFreeRADIUS()
	if err != nil {
		return nil, nil, err
	}
	// Somebody else may take a port between its choice and the server's start.
	for try := 0; ; try++ {
		s, stop, err = launch(binary, dir)
		if err == nil || try == 3 {
			return s, stop, err
		}
	}
}

func findFreeRADIUS() (string, error) {
	for _, name := range []string{"freeradius", "radiusd", "/usr/sbin/freeradius", "/usr/sbin/radiusd"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("FreeRADIUS 3 is missing: install the Debian packages freeradius and freeradius-common")
}

func launch(binary, dir string) (*FreeRADIUSServer, func(), error) {
	auth, err := freePort()
	if err != nil {
		return nil, nil, err
	}
	acct, err := freePort()
	if err != nil {
		return nil, nil, err
	}
	changing, err := freePort()
	if err != nil {
		return nil, nil, err
	}
	s := &FreeRADIUSServer{
		AuthAddr: auth, AcctAddr: acct, ChangingAddr: changing, SecretFile: filepath.Join(dir, "secret"), Secret: "testing " + rand.Text(),
		DetailFile: filepath.Join(dir, "detail"), Dir: dir,
	}
	if err := s.configure(); err != nil {
		return nil, nil, err
	}
	// The shell outlives a killed test process: its input ends with the process.
	const script = `
		(
			sh -c 'echo $$ >"$1/pid"; exec "$0" -f -l "$1/radius.log" -d "$1" >"$1/out.log" 2>&1' "$0" "$1"
			: >"$1/exited"
		) &
		read -r _
		kill -9 "$(cat "$1/pid")"
		wait
		rm -rf "$1"`
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.Command("/bin/sh", "-c", script, binary, dir)
	cmd.Stdin = r
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	err = cmd.Start()
	r.Close()
	if err != nil {
		w.Close()
		return nil, nil, err
	}
	stop := func() {
		w.Close()
		_ = cmd.Wait()
	}
	if err := s.ready(20 * time.Second); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "radius.log"))
		out, _ := os.ReadFile(filepath.Join(dir, "out.log"))
		stop()
		return nil, nil, fmt.Errorf("%w: %s%s", err, log, out)
	}
	keep.Lock()
	keep.pipes = append(keep.pipes, w)
	keep.Unlock()
	return s, stop, nil
}

// keep holds the pipes' ends: a finalizer would close them, and end the servers.
var keep struct {
	sync.Mutex
	pipes []*os.File
}

func freePort() (netip.AddrPort, error) {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return netip.AddrPort{}, err
	}
	defer c.Close()
	return netip.ParseAddrPort(c.LocalAddr().String())
}

// configure writes the server's files.
func (s *FreeRADIUSServer) configure() error {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return err
	}
	conf, err := template.New("").Option("missingkey=error").Parse(radiusdConf)
	if err != nil {
		return err
	}
	var text strings.Builder
	lib := "/usr/lib/freeradius"
	if _, err := os.Stat(lib); err != nil {
		lib = "/usr/lib64/freeradius"
	}
	if err := conf.Execute(&text, map[string]any{
		"Dir": s.Dir, "Secret": s.Secret, "AuthPort": s.AuthAddr.Port(), "AcctPort": s.AcctAddr.Port(),
		"ChangingPort": s.ChangingAddr.Port(), "SecretFile": s.SecretFile,
		"Detail": s.DetailFile, "LibDir": lib,
	}); err != nil {
		return err
	}
	if err := writeEAPCertificates(s.Dir); err != nil {
		return err
	}
	about, err := json.Marshal(s)
	if err != nil {
		return err
	}
	for name, content := range map[string]string{
		"radiusd.conf": text.String(), "users.conf": usersConf, "server.json": string(about), "dictionary": "", "secret": s.Secret,
	} {
		if err := os.WriteFile(filepath.Join(s.Dir, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// ready asks the server with Status-Server until it answers.
func (s *FreeRADIUSServer) ready(limit time.Duration) error {
	conn, err := net.Dial("udp", s.AuthAddr.String())
	if err != nil {
		return err
	}
	defer conn.Close()
	p := make([]byte, 38)
	p[0] = 12 // Status-Server
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	rand.Read(p[4:20]) //nolint:errcheck // never fails since Go 1.24
	p[20], p[21] = 80, 18
	mac := hmac.New(md5.New, []byte(s.Secret))
	mac.Write(p)
	copy(p[22:], mac.Sum(nil))
	buf := make([]byte, 4096)
	for end := time.Now().Add(limit); time.Now().Before(end); {
		if _, err := os.Stat(filepath.Join(s.Dir, "exited")); err == nil {
			return errors.New("FreeRADIUS does not start")
		}
		if _, err := conn.Write(p); err == nil {
			conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			if n, err := conn.Read(buf); err == nil && n >= 20 {
				return nil
			}
		}
		time.Sleep(20 * time.Millisecond) // a refused port answers at once
	}
	return fmt.Errorf("FreeRADIUS on %v does not answer", s.AuthAddr)
}
