package main

import (
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"aaa-api/internal/radius"
)

// watched counts what arrives at a port.
type watched struct {
	port   int
	count  atomic.Int32
	probes atomic.Int32 // Status-Server, of those counted
	marks  atomic.Int32
}

func (w *watched) got() int { return int(w.count.Load()) }

// requests are the packets of requests: a server that was silent is probed as well.
func (w *watched) requests() int { return w.got() - int(w.probes.Load()) }

// seen waits until all datagrams that have arrived are counted: one more comes behind them.
func (w *watched) seen(t *testing.T) {
	t.Helper()
	c, err := net.Dial("udp", fmt.Sprint("127.0.0.1:", w.port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	before := w.marks.Load()
	if _, err := c.Write([]byte("?")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the mark arrives", func() bool { return w.marks.Load() > before })
}

func watchTCP(t *testing.T) *watched {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	w := &watched{port: l.Addr().(*net.TCPAddr).Port}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.count.Add(1)
			c.Close()
		}
	}()
	return w
}

func watchUDP(t *testing.T) *watched {
	t.Helper()
	l, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	w := &watched{port: l.LocalAddr().(*net.UDPAddr).Port}
	go func() {
		for b := make([]byte, 4096); ; {
			n, _, err := l.ReadFrom(b)
			switch {
			case err != nil:
				return
			case n == 1:
				w.marks.Add(1)
			default:
				if n > 0 && b[0] == byte(radius.StatusServer) {
					w.probes.Add(1)
				}
				w.count.Add(1)
			}
		}
	}()
	return w
}

// TestEgress plays a tenant whose document names addresses of this machine. It is stored, with a warning, and nothing is
// sent there, however the address is written, until an account above opens it.
func TestEgress(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir, nil, "--server-networks=")
	root := readToken(t, dir, "admin.token")
	made := call(t, root, "PUT", p.url+"/v2/accounts", `{"data":{"name":"tenant"}}`).want(t, http.StatusCreated)
	account := fmt.Sprint(p.url, "/v2/accounts/", made.Data["id"])
	tenant := fmt.Sprint(call(t, root, "PUT", account+"/tokens", `{"data":{}}`).want(t, http.StatusCreated).Data["token"])

	tcp, asked := watchTCP(t), watchUDP(t)
	document := func(engine, address string, port int) string {
		return fmt.Sprintf(`{"data":{"aaa_mode":"on","workers":5,"nas_address":"192.0.2.77","nas_port":2000,"servers":[
			{"enabled":true,"name":"inside","address":%q,"port":%d,"secret":"s","aaa_engine":%q,"dicts":[%q],"retries":0,"timeout":100}],
			"authentication":["inside"],"authorization":["inside"],"accounting":["inside"],"authn_avp_translation":[
			{"request_key":"User-Name","attribute":%q,"request_value_regexp":"^(.*)$","attr_value_regexp":"^(.*)$"},
			{"request_key":"User-Password","attribute":%q,"request_value_regexp":"^(.*)$","attr_value_regexp":"^(.*)$"}]}}`,
			address, port, engine, map[string]string{"radius": "dictionary", "tacacs": "dictionary_tacacs"}[engine],
			map[string]string{"radius": "User-Name", "tacacs": "user"}[engine], map[string]string{"radius": "User-Password", "tacacs": "password"}[engine])
	}
	login := func() answer {
		return call(t, tenant, "POST", account+"/aaa/authn?trace=true", `{"data":{"User-Name":"bob","User-Password":"looking-glass"}}`)
	}
	own, err := strconv.Atoi(p.url[strings.LastIndexByte(p.url, ':')+1:])
	if err != nil {
		t.Fatal(err)
	}
	refused := map[string]bool{}
	method := "PUT"
	for _, c := range []struct {
		engine, address string
		port            int
		warned          bool
	}{
		{"radius", "127.0.0.1", asked.port, true},
		{"radius", "::ffff:127.0.0.1", asked.port, true},
		{"radius", "localhost", asked.port, false}, // which only a request finds out
		{"radius", "169.254.169.254", 1812, true},
		{"radius", "64:ff9b::7f00:1", asked.port, true},
		{"radius", "192.0.2.1", 53, true},
		{"tacacs", "127.0.0.1", tcp.port, true},
		{"tacacs", "localhost", tcp.port, false},
		{"tacacs", "127.0.0.1", own, true},
		{"tacacs", "127.0.0.1", 1, true}, // nobody is there: it looks the same
	} {
		written := call(t, root, method, account+"/aaa", document(c.engine, c.address, c.port))
		if method = "POST"; written.Status >= 300 || strings.Contains(written.Body, "not_allowed") != c.warned {
			t.Errorf("%s %s:%d: %s", c.engine, c.address, c.port, written.Body)
		}
		a := login().want(t, http.StatusGatewayTimeout)
		if !strings.Contains(a.Body, `"outcome":"not allowed"`) || strings.Contains(a.Body, "refused") {
			t.Errorf("%s %s:%d: %s", c.engine, c.address, c.port, a.Body)
		}
		refused[regexp.MustCompile(`"message":"[^"]*`).FindString(a.Body)] = true
	}
	if len(refused) != 1 {
		t.Errorf("refusals differ by what is behind: %v", refused)
	}
	if n := tcp.got() + asked.got(); n != 0 {
		t.Errorf("%d connections or packets arrived", n)
	}

	// The tenant can't open it, an account above can, and can close it again.
	networks := `{"data":{"server_networks":["127.0.0.0/8"]}}`
	call(t, tenant, "PATCH", account, networks).want(t, http.StatusForbidden)
	call(t, root, "PATCH", account, networks).want(t, http.StatusOK)
	if a := login(); strings.Contains(a.Body, "not allowed") {
		t.Errorf("it was opened: %s", a.Body)
	}
	call(t, root, "POST", account+"/aaa", document("radius", "127.0.0.1", asked.port)).want(t, http.StatusOK)
	if a := login(); strings.Contains(a.Body, "not allowed") || asked.got() == 0 {
		t.Errorf("it was opened: %s", a.Body)
	}
	call(t, root, "PATCH", account, `{"data":{"server_networks":null}}`).want(t, http.StatusOK)
	before := asked.got()
	if a := login(); !strings.Contains(a.Body, "not allowed") || asked.got() != before {
		t.Errorf("it was closed again: %s", a.Body)
	}
}

// serverNames refuses TLS server names that are none: they go out in a handshake as they are.
func serverNames(t *testing.T, p *process, root string) {
	t.Helper()
	account := fmt.Sprint(p.url, "/v2/accounts/", call(t, root, "PUT", p.url+"/v2/accounts", `{"data":{"name":"server names"}}`).want(t, http.StatusCreated).Data["id"])
	put := func(method, name string) answer {
		return call(t, root, method, account+"/aaa", fmt.Sprintf(`{"data":{"aaa_mode":"on","workers":5,"nas_address":"192.0.2.77","nas_port":2000,
			"authentication":["tac"],"authorization":[],"accounting":[],"servers":[{"enabled":true,"name":"tac","address":"192.0.2.1","port":300,"aaa_engine":"tacacs","transport":"tls",
			"tls":{"server_name":%q},"dicts":["dictionary_tacacs"]}]}}`, name))
	}
	for _, name := range []string{"a.example\r\nX: y", "a b", "-a", "a..b", "a/b", strings.Repeat("a", 64), "ä.example"} {
		if a := put("PUT", name); a.Status != http.StatusBadRequest || !strings.Contains(a.Body, `"servers.0.tls.server_name"`) {
			t.Errorf("%q: %s", name, a.Body)
		}
	}
	put("PUT", "tacacs-1.example").want(t, http.StatusCreated)
	for _, name := range []string{"tacacs-1.example.", "192.0.2.1", "2001:db8::1"} {
		put("POST", name).want(t, http.StatusOK)
	}
}
