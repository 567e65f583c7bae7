package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/operations"
	"aaa-api/internal/radius"
)

// testClients: whose a request is, and who may say so.
func (n *deviceNode) testClients(t *testing.T) {
	shop := n.account(t, n.provider, "shop", `,"realm":"shop.example"`)
	n.userFile(t, shop, "bob@shop.example\tPassword = \""+afterDark+"\"\n\tReply-Message = \"at the shop\"\n")
	call(t, n.token, "PUT", n.provider+"/aaa/clients/device", `{"data":{"address":"127.0.20.7","secret":"`+deviceSecret+`","realm_routing":true}}`).want(t, http.StatusCreated)
	login := func(from, secret, user, password string) string {
		out, _ := radclient(t, n.auth, "auth", secret, fmt.Sprintf("User-Name = %q", user), fmt.Sprintf("User-Password = %q", password), "Packet-Src-IP-Address = "+from,
			"Message-Authenticator = 0x00")
		return out
	}
	eventually(t, "the realm's account answers", func() bool {
		return strings.Contains(login("127.0.20.7", deviceSecret, "bob@shop.example", "after-dark"), `Reply-Message = "at the shop"`)
	})
	if out := login("127.0.20.7", deviceSecret, "alice", "correct horse"); !strings.Contains(out, "Hello alice") {
		t.Errorf("without a realm: %s", out)
	}

	// Another account does not learn whose address it is.
	other := n.account(t, n.provider, "other", "")
	taken := call(t, n.token, "PUT", other+"/aaa/clients/device", `{"data":{"address":"127.0.20.0/30","secret":"`+deviceSecret+`"}}`).want(t, http.StatusConflict)
	var list []operations.ClientUse
	c := n.ctl
	c.t = t
	c.json(&list, "clients")
	for _, use := range list {
		if strings.Contains(taken.Body, string(use.Account)) {
			t.Errorf("the answer names %s: %s", use.Account, taken.Body)
		}
	}
	call(t, n.token, "PUT", other+"/aaa/clients/device", `{"data":{"address":"192.0.2.1","secret":"`+deviceSecret+`"}}`).want(t, http.StatusBadRequest)

	// A secret changes without a restart, and what it does not fit gets no answer.
	n.client(t, other, `{"data":{"address":"127.0.20.8","secret":"`+deviceSecret+`"}}`)
	if out := login("127.0.20.8", deviceSecret, "alice", "correct horse"); !strings.Contains(out, "Access-Accept") {
		t.Errorf("before: %s", out)
	}
	n.patch(t, other+"/aaa/clients/device", `{"secret":"another secret of devices"}`)
	eventually(t, "the new secret is used", func() bool {
		return strings.Contains(login("127.0.20.8", "another secret of devices", "alice", "correct horse"), "Access-Accept")
	})
	for from, reason := range map[string]string{"127.0.20.8": "secret", "127.0.20.9": "unknown"} {
		if out := login(from, deviceSecret, "alice", "correct horse"); strings.Contains(out, "Received") {
			t.Errorf("%s is answered: %s", from, out)
		}
		var unknown []operations.UnknownDevice
		c.json(&unknown, "clients", "--unknown")
		if !slices.ContainsFunc(unknown, func(d operations.UnknownDevice) bool { return d.Address == from }) {
			t.Errorf("%s (%s) is not in %v", from, reason, unknown)
		}
	}
}

// testUnsigned: that a client need not sign its requests says nothing about the replies of the servers.
func (n *deviceNode) testUnsigned(t *testing.T, account string) {
	s := enginetest.NewScriptedRADIUS(t, "secret of the server", func(q *enginetest.Query) { q.Send(q.Bare(radius.AccessAccept)) })
	document := func(required string) {
		call(t, n.token, "PUT", account+"/aaa", fmt.Sprintf(`{"data":{"aaa_mode":"on","workers":2,"nas_address":"192.0.2.1","nas_port":1,
			"servers":[{"enabled":true,"name":"unsigned","address":"127.0.0.1","port":%d,"secret":"secret of the server","aaa_engine":"radius","avp":"strict",
				"dicts":["dictionary"],"retries":0,"timeout":300,"require_message_authenticator":%q}],
			"authentication":["unsigned"],"authorization":["unsigned"],"accounting":[]}}`, s.Addr.Port(), required)).want(t, http.StatusCreated)
	}
	login := func() string {
		out, _ := radclientOnce(t, n.auth, "auth", deviceSecret, `User-Name = "alice"`, `User-Password = "x"`, "Packet-Src-IP-Address = 127.0.20.10")
		return out
	}
	document("yes")
	if out := login(); !strings.Contains(out, "No reply from server") {
		t.Errorf("a reply that must be signed, and is not: %s", out)
	}
	if len(s.Packets()) == 0 {
		t.Error("the server was not asked")
	}
	call(t, n.token, "DELETE", account+"/aaa", "").want(t, http.StatusOK)
	document("no")
	eventually(t, "the device is let in", func() bool { return strings.Contains(login(), "Received Access-Accept") })
}
