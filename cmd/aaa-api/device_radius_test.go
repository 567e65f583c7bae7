package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/tacacs"
)

// radclient sends a packet and returns what is printed of it and of its answer.
func radclient(t *testing.T, at netip.AddrPort, command, secret string, attributes ...string) (output string, failed error) {
	t.Helper()
	return enginetest.RunDevice(t, nil, "radclient", "-x", "-r", "2", "-t", "2", "-f", file(t, strings.Join(attributes, "\n")+"\n"), at.String(), command, secret)
}

// radclientOnce is radclient for a packet that may get no answer: it is sent once, and waited for a second.
func radclientOnce(t *testing.T, at netip.AddrPort, command, secret string, attributes ...string) (output string, failed error) {
	t.Helper()
	return enginetest.RunDevice(t, nil, "radclient", "-x", "-r", "1", "-t", "1", "-f", file(t, strings.Join(attributes, "\n")+"\n"), at.String(), command, secret)
}

func (n *deviceNode) testRadclient(t *testing.T, account string) {
	for _, method := range []string{"pap", "chap", "mschap"} {
		radtest := func(password string) (string, error) {
			return enginetest.RunDevice(t, nil, "radtest", "-t", method, "alice", password, n.auth.String(), "7", deviceSecret)
		}
		if out, err := radtest("correct horse"); err != nil || !strings.Contains(out, "Received Access-Accept") || !strings.Contains(out, `Reply-Message = "Hello alice"`) {
			t.Errorf("%s: %v\n%s", method, err, out)
		}
		if out, err := radtest("wrong"); err == nil || !strings.Contains(out, "Received Access-Reject") {
			t.Errorf("%s with a wrong password: %v\n%s", method, err, out)
		}
	}

	login := []string{`User-Name = "challenge"`, "Message-Authenticator = 0x00"}
	out, err := radclient(t, n.auth, "auth", deviceSecret, append(login, `User-Password = "first"`)...)
	_, state, asked := strings.Cut(out, "State = ")
	state, _, _ = strings.Cut(state, "\n")
	if !asked || !strings.Contains(out, "Received Access-Challenge") || !strings.Contains(out, "What comes second?") {
		t.Fatalf("challenge: %v\n%s", err, out)
	}
	answer := append(login, `User-Password = "second"`, "State = "+state)
	if out, err := radclient(t, n.auth, "auth", deviceSecret, answer...); err != nil || !strings.Contains(out, "Received Access-Accept") {
		t.Errorf("the challenge's answer: %v\n%s", err, out)
	}
	if out, _ := radclient(t, n.auth, "auth", deviceSecret, answer...); !strings.Contains(out, "Received Access-Reject") {
		t.Errorf("the State of a login that is over: %s", out)
	}

	record := []string{`User-Name = "alice"`, `Acct-Session-Id = "of radclient"`, "NAS-Identifier = \"switch\"", "Cisco-AVPair = \"kept=as it is\""}
	for _, kind := range []string{"Start", "Interim-Update", "Stop"} {
		if out, err := radclient(t, n.acct, "acct", deviceSecret, append(record, "Acct-Status-Type = "+kind)...); err != nil || !strings.Contains(out, "Received Accounting-Response") {
			t.Errorf("%s: %v\n%s", kind, err, out)
		}
		n.recorded(t, `Acct-Session-Id = "of radclient"`, "Acct-Status-Type = "+kind, `Cisco-AVPair = "kept=as it is"`)
		ours := func(s map[string]any) bool {
			return s["acct_session_id"] == "of radclient" && s["open"] == (kind != "Stop")
		}
		s := n.session(t, account, "the session after "+kind, ours)
		if id, _ := s["id"].(string); kind == "Start" { // which the client can't be asked to end
			call(t, n.token, "DELETE", account+"/aaa/sessions/"+id, "").want(t, http.StatusConflict)
		}
	}

	// A device that starts anew has none of its sessions, and says so itself to the server.
	lost := append(slices.Clone(record[2:]), `User-Name = "alice"`, `Acct-Session-Id = "of a crash"`)
	for _, sent := range [][]string{append(lost, "Acct-Status-Type = Start"), append(slices.Clone(record[2:3]), "Acct-Status-Type = Accounting-On")} {
		if out, err := radclient(t, n.acct, "acct", deviceSecret, sent...); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		n.recorded(t, `NAS-Identifier = "switch"`, sent[len(sent)-1])
	}
	n.session(t, account, "the session is over", func(s map[string]any) bool {
		return s["acct_session_id"] == "of a crash" && s["open"] == false && s["cause"] == "NAS-Reboot"
	})
	if stops := n.records(`Acct-Session-Id = "of a crash"`, "Acct-Status-Type = Stop"); stops != 0 {
		t.Errorf("%d Stops that the device did not send", stops)
	}

	for at, code := range map[netip.AddrPort]string{n.auth: "Received Access-Accept", n.acct: "Received Accounting-Response"} {
		if out, err := radclient(t, at, "status", deviceSecret, "Message-Authenticator = 0x00"); err != nil || !strings.Contains(out, code) {
			t.Errorf("Status-Server: %v\n%s", err, out)
		}
	}
	if use, _ := n.use(t, account); use.Requests == 0 || use.LastSeen.IsZero() {
		t.Errorf("%+v", use)
	}
}

// EAP passes through. eapol_test compares the keys of the link with its own.
func (n *deviceNode) testEAP(t *testing.T, _ string) {
	for _, login := range []enginetest.EAP{{Method: "PEAP", Identity: "alice", Password: "correct horse"}, {Method: "TLS", Identity: "alice"}} {
		out, err := n.freeradius.EAPTest(t, n.auth, deviceSecret, login, "-A", "127.0.20.2")
		if err != nil || !strings.HasSuffix(strings.TrimSpace(out), "SUCCESS") || !strings.Contains(out, "MS-MPPE-Send-Key") {
			t.Errorf("%s: %v\n%s", login.Method, err, out)
		}
	}
	wrong := enginetest.EAP{Method: "PEAP", Identity: "alice", Password: "wrong"}
	if out, err := n.freeradius.EAPTest(t, n.auth, deviceSecret, wrong, "-A", "127.0.20.2"); err == nil {
		t.Errorf("a wrong password is accepted\n%s", out)
	}
}

func (n *deviceNode) testPAM(t *testing.T, _ string) {
	pam := newPAM(t, n.auth, "127.0.20.3")
	if out, err := pam.login(t, "alice", []string{"correct horse"}, "authenticate", "acct_mgmt", "open_session", "close_session"); err != nil {
		t.Errorf("login: %v\n%s", err, out)
	}
	n.recorded(t, `User-Name = "alice"`, "Acct-Status-Type = Start", `NAS-Identifier = "aaa-api-test"`)
	n.recorded(t, `User-Name = "alice"`, "Acct-Status-Type = Stop", `NAS-Identifier = "aaa-api-test"`)
	if out, err := pam.login(t, "challenge", []string{"first", "second"}, "authenticate"); err != nil || !strings.Contains(out, "What comes second?") {
		t.Errorf("challenge: %v\n%s", err, out)
	}
	if out, err := pam.login(t, "alice", []string{"wrong"}, "authenticate"); err == nil {
		t.Errorf("a wrong password is accepted\n%s", out)
	}
}

func (n *deviceNode) testVPN(t *testing.T, account string) {
	vpn := startVPN(t, n.auth, n.acct, "127.0.20.4")
	if out, err := vpn.connect(t, "alice", "wrong"); err == nil || strings.Contains(out, "Established") {
		t.Errorf("a wrong password is accepted\n%s", out)
	}
	out, _ := vpn.connect(t, "alice", "correct horse")
	if !strings.Contains(out, "CSTP connected") && !strings.Contains(out, "Configured as") {
		t.Errorf("no tunnel\n%s", out)
	}
	n.recorded(t, `User-Name = "alice"`, "Acct-Status-Type = Start", `NAS-Identifier = "vpn1"`)
	n.recorded(t, `User-Name = "alice"`, "Acct-Status-Type = Stop", `NAS-Identifier = "vpn1"`)
	n.session(t, account, "the session is over", func(s map[string]any) bool { return s["user"] == "alice" && s["open"] == false && s["cause"] != "" })
}

// testTLS: a device is known by its certificate, over RADIUS and TACACS+.
func (n *deviceNode) testTLS(t *testing.T, _ string) {
	at := enginetest.UDPPort(t)
	listens := func() bool { // then nobody else can
		c, err := net.ListenPacket("udp", at.String())
		if err == nil {
			c.Close()
		}
		return err != nil
	}
	enginetest.Radsecproxy(t, listens, shownFile(t, "radsecproxy.conf", "127.0.0.1:1812", at.String(), "192.0.2.10", "127.0.0.1", "2083", fmt.Sprint(n.authTLS.Port()),
		"/etc/radsecproxy/ca.pem", n.files.Server, "/etc/radsecproxy/certificate.pem", n.files.Client, "/etc/radsecproxy/key.pem", n.files.ClientKey))
	const secret = "secret-of-the-local-devices"
	login := []string{`User-Name = "alice"`, `User-Password = "correct horse"`, "Message-Authenticator = 0x00"}
	if out, err := radclient(t, at, "auth", secret, login...); err != nil || !strings.Contains(out, "Hello alice") {
		t.Errorf("login: %v\n%s", err, out)
	}
	if out, err := n.freeradius.EAPTest(t, at, secret, enginetest.EAP{Method: "PEAP", Identity: "alice", Password: "correct horse"}); err != nil {
		t.Errorf("PEAP: %v\n%s", err, out)
	}
	record := []string{`User-Name = "alice"`, `Acct-Session-Id = "over TLS"`, "Acct-Status-Type = Start"}
	if out, err := radclient(t, at, "acct", secret, record...); err != nil {
		t.Errorf("accounting: %v\n%s", err, out)
	}
	n.recorded(t, `Acct-Session-Id = "over TLS"`, "Acct-Status-Type = Start")

	conn, err := tls.Dial("tcp", n.tacacsTLS.String(), n.files.PeerTLS)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // all is read
	var said tacacs.AuthenReply
	askTACACS(t, conn, "", &tacacs.AuthenStart{
		Action: tacacs.ActionLogin, Method: tacacs.AuthenPAP, Service: tacacs.ServiceLogin, User: "alice", Port: "tty0", Data: []byte("correct horse"),
	}, &said)
	if said.Status != tacacs.AuthenPass {
		t.Errorf("TACACS+: %v", said)
	}
}
