package coa

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/clients"
	"aaa-api/internal/egress"
	"aaa-api/internal/radius"
)

// known has one client.
type known struct {
	client  *clients.Client
	secrets clients.Secrets
}

func (k *known) Find(account aaa.AccountID, name string) *clients.Client {
	if k.client == nil || account != k.client.Account || name != k.client.Name {
		return nil
	}
	return k.client
}

func (k *known) Secret(context.Context, *clients.Client) (clients.Secrets, error) {
	return k.secrets, nil
}

// networks are those of an account to which one is granted.
type networks struct{ granted netip.Prefix }

func (n networks) Reach(context.Context, aaa.AccountID) (*egress.Account, error) {
	a := (&egress.Rules{}).Account()
	a.Grant([]netip.Prefix{n.granted})
	return a, nil
}

// A device is asked where its document says, else where its packets come from.
func TestSender(t *testing.T) {
	t.Parallel()
	at, got := device(t, says(radius.DisconnectACK, "testing123", 0))
	doc := &aaa.Client{CoA: aaa.ClientCoA{Enabled: true, Port: int(at.Port())}}
	k := &known{client: &clients.Client{Account: "a", Name: "ap1", Document: doc}, secrets: clients.Secrets{CoA: aaa.NewSecret("testing123")}}
	values := aaa.Values{"User-Name": "alice", "Acct-Session-Id": "s1", "NAS-IP-Address": "192.0.2.1", "Framed-IP-Address": "198.51.100.7"}
	ask := func(address string) (aaa.Disconnected, error) {
		return Sender{k, networks{netip.MustParsePrefix("127.0.0.1/32")}}.Disconnect(t.Context(), aaa.SessionDevice{Owner: "a", Client: "ap1", Address: address}, values)
	}
	if said, err := ask("127.0.0.1"); err != nil || !said.Acknowledged {
		t.Fatalf("%+v, %v", said, err)
	}
	if v, _ := got()[0].Value(radius.AttrNASIPAddress); string(v) != "\xc0\x00\x02\x01" {
		t.Errorf("NAS-IP-Address %v", v)
	}
	values["User-Name"], values["Acct-Session-Id"] = "0x6dfc6c6c6572", "0x30783141"
	if said, err := ask("127.0.0.1"); err != nil || !said.Acknowledged {
		t.Fatalf("%+v, %v", said, err)
	}
	second := got()[0]
	name, _ := second.Value(radius.AttrUserName)
	if id, _ := second.Value(radius.AttrAcctSessionID); string(name) != "m\xfcller" || string(id) != "0x1A" {
		t.Errorf("asked about %q and %q", name, id)
	}
	doc.CoA.Address = "127.0.0.1"
	if said, err := ask("192.0.2.99"); err != nil || !said.Acknowledged {
		t.Fatalf("%+v, %v", said, err)
	}
	doc.CoA.Address = "127.0.0.2"
	if _, err := ask("127.0.0.1"); aaa.KindOf(err) != aaa.KindConflict || !strings.Contains(err.Error(), "server_networks") {
		t.Errorf("an address that the account may not reach: %v", err)
	}
	doc.CoA.Address = ""
	refused := func(kind aaa.Kind, says string) {
		t.Helper()
		_, err := ask("127.0.0.1")
		var e *aaa.Error
		if !errors.As(err, &e) || e.Kind != kind || !strings.Contains(e.Message, says) {
			t.Errorf("%v", err)
		}
	}
	k.secrets.CoA = aaa.Secret{}
	refused(aaa.KindConflict, "neither coa.secret nor secret")
	doc.CoA.Enabled = false
	refused(aaa.KindConflict, "has no coa")
	k.client = nil
	refused(aaa.KindConflict, "is gone")
	if n := len(got()); n != 1 {
		t.Errorf("%d packets", n)
	}
}
