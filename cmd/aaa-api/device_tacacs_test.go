package main

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/tacacs"
)

// afterDark is the hash of the password after-dark.
const afterDark = "$6$nightshift$9p9OF8aClCKZANp/U6Mc5.dXFyygyHC7ez6PCPMwzJ8H5BS.B2vjZt1zVK7jY2bshlADGZ.zyInyDWq42SCEY."

// userFile gives an account a table that answers by a users file alone, and the file.
func (n *deviceNode) userFile(t *testing.T, account, text string) {
	t.Helper()
	call(t, n.token, "PUT", account+"/aaa", `{"data":{"aaa_mode":"on","fsm":{"authn":"local","authz":"local"},"workers":2,"nas_address":"192.0.2.1","nas_port":1,"servers":[],"authentication":[],"authorization":[],"accounting":[]}}`).want(t, http.StatusCreated)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, account+"/aaa/users/users", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Auth-Token", n.token)
	req.Header.Set("Content-Type", "text/plain")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); res.StatusCode/100 != 2 {
		t.Fatalf("the users file: %s %s", res.Status, body)
	}
}

// testPerl: logins of a switch by the RADIUS server behind, and a record that becomes one of RADIUS.
func (n *deviceNode) testPerl(t *testing.T, _ string) {
	for _, c := range []struct{ method, password, says string }{
		{"ASCII", "correct horse", "granted"},
		{"ASCII", "wrong", "Authentication failed"},
		{"PAP", "correct horse", "granted"},
		{"PAP", "wrong", "Authentication failed"},
	} {
		out, err := enginetest.RunDevice(t, nil, "perl", "-MAuthen::TacacsPlus", "-e", `
			my $t = new Authen::TacacsPlus(Host => "127.0.0.1", Port => $ARGV[0], Key => $ARGV[1]) or die Authen::TacacsPlus::errmsg();
			print $t->authen("alice", $ARGV[3], eval "Authen::TacacsPlus::TAC_PLUS_AUTHEN_TYPE_$ARGV[2]()") ? "granted" : Authen::TacacsPlus::errmsg()`,
			n.tacacs.String()[len("127.0.0.1:"):], deviceSecret, c.method, c.password)
		if err != nil || strings.TrimSpace(out) != c.says {
			t.Errorf("%s: %v: %q, want %s", c.method, err, out, c.says)
		}
	}
	conn := n.dialTACACS(t, "127.0.0.1")
	var said tacacs.AcctReply
	askTACACS(t, conn, deviceSecret, &tacacs.AcctRequest{
		Flags: tacacs.AcctStart, Identity: tacacs.Identity{AuthenMethod: tacacs.MethodTACACSPlus, AuthenType: tacacs.AuthenASCII, AuthenService: tacacs.ServiceLogin, User: "alice", Port: "tty7", RemAddr: "192.0.2.99"},
		Args: []string{"task_id=of a switch", "service=shell"},
	}, &said)
	if said.Status != tacacs.AcctSuccess {
		t.Errorf("accounting: %v", said)
	}
	n.recorded(t, `Acct-Session-Id = "of a switch"`, "Acct-Status-Type = Start", `NAS-Port-Id = "tty7"`, `Calling-Station-Id = "192.0.2.99"`, `User-Name = "alice"`)
}

// testSwitch: the shell and the commands of a switch by a users file.
func (n *deviceNode) testSwitch(t *testing.T, account string) {
	n.userFile(t, account, "ann\tPassword = \""+afterDark+"\"\n\tPriv-Lvl = 7, Command-Deny = \"show running-config.*\", Command-Permit = \"show .*\"\n")
	eventually(t, "the users file is in force", func() bool {
		var said tacacs.AuthenReply
		askTACACS(t, n.dialTACACS(t, "127.0.20.6"), deviceSecret, &tacacs.AuthenStart{
			Action: tacacs.ActionLogin, Method: tacacs.AuthenPAP, Service: tacacs.ServiceLogin, User: "ann", Port: "tty0", Data: []byte("after-dark"),
		}, &said)
		return said.Status == tacacs.AuthenPass
	})
	for command, want := range map[string]tacacs.AuthorStatus{
		"":                    tacacs.AuthorPassAdd,
		"show version <cr>":   tacacs.AuthorPassAdd,
		"show running-config": tacacs.AuthorFail,
		"configure terminal":  tacacs.AuthorFail,
	} {
		words := strings.Fields(command)
		args := []string{"service=shell", "cmd="}
		if len(words) > 0 {
			args[1] += words[0]
			for _, w := range words[1:] {
				args = append(args, "cmd-arg="+w)
			}
		}
		var said tacacs.AuthorReply
		askTACACS(t, n.dialTACACS(t, "127.0.20.6"), deviceSecret, &tacacs.AuthorRequest{
			Identity: tacacs.Identity{AuthenMethod: tacacs.MethodTACACSPlus, AuthenType: tacacs.AuthenASCII, AuthenService: tacacs.ServiceLogin, User: "ann", Port: "tty0"}, Args: args,
		}, &said)
		if said.Status != want || command == "" && !slices.Contains(said.Args, "priv-lvl=7") {
			t.Errorf("%q: %v %v, want %v", command, said.Status, said.Args, want)
		}
	}
}

// dialTACACS connects from an address.
func (n *deviceNode) dialTACACS(t *testing.T, from string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.DialContext(t.Context(), "tcp", n.tacacs.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// askTACACS is one packet and its answer: over TLS without a secret, as RFC 9887 has it.
func askTACACS(t *testing.T, conn net.Conn, secret string, body tacacs.Request, said tacacs.Reply) {
	t.Helper()
	var id [4]byte
	_, _ = rand.Read(id[:])
	h := tacacs.Header{Version: tacacs.Version0, Type: body.Type(), Seq: 1, SessionID: binary.BigEndian.Uint32(id[:])}
	if start, ok := body.(*tacacs.AuthenStart); ok {
		h.Version = start.Version()
	}
	if _, ok := conn.(*tls.Conn); ok {
		h.Flags = tacacs.FlagUnencrypted
	}
	packet, err := tacacs.AppendPacket(nil, h, body, secret)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write(packet); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, tacacs.HeaderLen)
	if _, err := io.ReadFull(conn, head); err != nil {
		t.Fatal(err)
	}
	answer, err := tacacs.ParseHeader(head)
	if err != nil {
		t.Fatal(err)
	}
	octets := make([]byte, answer.Length)
	if _, err := io.ReadFull(conn, octets); err != nil {
		t.Fatal(err)
	}
	if err := tacacs.DecodeBody(octets, answer, secret, said); err != nil {
		t.Fatal(err)
	}
}
