package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"aaa-api/internal/aaa"
	"aaa-api/internal/atomicfile"
	"aaa-api/internal/document"
	"aaa-api/internal/ingress"
	"aaa-api/internal/store"
	"aaa-api/internal/token"
)

// The demo's accounts: a provider below the root, and below it a tenant that inherits the
// provider's document. Their ids are fixed, so that what is printed is the same everywhere.
const (
	demoProvider   aaa.AccountID = "de300000000000000000000000000001"
	demoTenant     aaa.AccountID = "de300000000000000000000000000002"
	demoDictionary               = "de300000000000000000000000000003"
)

// demoDocument is the provider's. The server's port is the demo server's.
const demoDocument = `{
  "aaa_mode": "on",
  "servers": [{
    "enabled": true, "name": "demo", "address": "127.0.0.1", "port": %d, "secret": %q,
    "aaa_engine": "radius", "dicts": ["dictionary_demo", "dictionary"], "avp": "strict", "retries": 2, "timeout": 1000
  }],
  "authentication": ["demo"], "authorization": ["demo"], "accounting": ["demo"], "custom": ["demo"],
  "workers": 32, "nas_address": "127.0.0.1", "nas_port": "2000",
  "authn_avp_translation": [%[3]s,
    {"attribute": "Reply-Message", "request_key": "message", "request_value_regexp": "^(.*)$", "attr_value_regexp": "^(.*)$"},
    {"attribute": "Session-Timeout", "request_key": "timeout", "cast": "string_to_integer", "request_value_regexp": "^(.*)$", "attr_value_regexp": "^(.*)$"}
  ],
  "authz_avp_translation": [%[3]s],
  "custom_avp_translation": [%[3]s,
    {"attribute": "Reply-Message", "request_key": "message", "request_value_regexp": "^(.*)$", "attr_value_regexp": "^(.*)$"}
  ],
  "accounting_avp_translation": [
    {"attribute": "User-Name", "request_key": "User-Name", "request_value_regexp": "^(.*)$", "attr_value_regexp": "^(.*)$"},
    {"attribute": "Acct-Status-Type", "request_key": "Acct-Status-Type", "request_value_regexp": "^(.*)$", "attr_value_regexp": "^(.*)$"},
    {"attribute": "Acct-Session-Id", "request_key": "Call-ID", "request_value_regexp": "^(.*)$", "attr_value_regexp": "^(.*)$"},
    {"attribute": "Acct-Session-Time", "request_key": "Billing-Seconds", "cast": "string_to_integer", "request_value_regexp": "^(.*)$", "attr_value_regexp": "^(.*)$"},
    {"attribute": "Acct-Session-Id", "request_key": "Acct-Session-Id", "request_value_regexp": "^(.*)$", "attr_value_regexp": "^(.*)$"},
    {"attribute": "Acct-Session-Time", "request_key": "Acct-Session-Time", "request_value_regexp": "^(.*)$", "attr_value_regexp": "^(.*)$"},
    {"attribute": "Acct-Terminate-Cause", "request_key": "Acct-Terminate-Cause", "request_value_regexp": "^(.*)$", "attr_value_regexp": "^(.*)$"},
    {"attribute": "Class", "request_key": "Class", "request_value_regexp": "^(.*)$", "attr_value_regexp": "^(.*)$"},
    {"attribute": "Acct-Input-Octets", "request_key": "Acct-Input-Octets", "request_value_regexp": "^(.*)$", "attr_value_regexp": "^(.*)$"},
    {"attribute": "Acct-Output-Octets", "request_key": "Acct-Output-Octets", "request_value_regexp": "^(.*)$", "attr_value_regexp": "^(.*)$"},
    {"attribute": "Acct-Input-Gigawords", "request_key": "Acct-Input-Gigawords", "request_value_regexp": "^(.*)$", "attr_value_regexp": "^(.*)$"},
    {"attribute": "Acct-Output-Gigawords", "request_key": "Acct-Output-Gigawords", "request_value_regexp": "^(.*)$", "attr_value_regexp": "^(.*)$"}
  ]
}`

const demoLogin = `
    {"attribute": "User-Name", "request_key": "User-Name", "request_value_regexp": "^([^@]*)(?:@.*)?$", "attr_value_regexp": "^(.*)$"},
    {"attribute": "User-Password", "request_key": "User-Password", "request_value_regexp": "^(.*)$", "attr_value_regexp": "^(.*)$"}`

// demoInherit is the tenant's: nothing of its own but how many requests it may have in flight.
const demoInherit = `{
  "aaa_mode": "inherit", "servers": [], "authentication": [], "authorization": [], "accounting": [],
  "workers": 5, "nas_address": "127.0.0.1", "nas_port": "2000"
}`

// demoEntries is the provider's dictionary. It lacks Demo-Greeting, which the printed upload brings.
const demoEntries = `[{"vendor":{"Demo":32473}},{"attr":{"vid":32473,"id":2,"type":"integer","name":"Demo-Ticket"}}]`

// demo is the RADIUS server and the sample tenant of --demo.
type demo struct {
	server    *demoServer
	radius    uint16 // port for devices
	tacacs    uint16 // likewise
	tokenFile string
}

func (d *demo) Close() error { return d.server.Close() }

// startDemo starts the RADIUS server and makes what is missing of the sample accounts. What
// is there from an earlier start stays as it is, but for the server's port.
func startDemo(ctx context.Context, n *module) (_ *demo, err error) {
	s, err := startDemoServer(ctx, demoPort(ctx, n.store), n.log)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := demoAccounts(ctx, n.store); err != nil {
		return nil, err
	}
	_, err = n.store.Dictionaries().Create(ctx, store.Dictionary{
		Account: demoProvider, ID: demoDictionary, Name: "dictionary_demo", Body: json.RawMessage(demoEntries),
	})
	if err != nil && !errors.Is(err, store.ErrExists) {
		return nil, err
	}
	provider := fmt.Sprintf(demoDocument, s.Port(), demoSecret, demoLogin)
	if err := demoCreate(ctx, n, demoProvider, provider); err != nil {
		return nil, err
	}
	if err := demoCreate(ctx, n, demoTenant, demoInherit); err != nil {
		return nil, err
	}
	if err := demoMovePort(ctx, n, s.Port()); err != nil {
		return nil, err
	}
	if err := n.follower.Sync(ctx); err != nil { // the client is checked by the networks of the accounts
		return nil, err
	}
	if err := demoDevicesClient(ctx, n); err != nil {
		return nil, err
	}
	d := &demo{server: s, radius: n.devicePort(ingress.RADIUSAuth), tacacs: n.devicePort(ingress.TACACS), tokenFile: filepath.Join(n.cfg.DataDir, "demo.token")}
	if err := d.token(ctx, n.store); err != nil {
		return nil, err
	}
	return d, n.follower.Sync(ctx)
}

func demoAccounts(ctx context.Context, st store.Store) error {
	root, err := st.Accounts().Root(ctx)
	if err != nil {
		return err
	}
	for _, a := range []store.Account{
		{ID: demoProvider, Name: "Demo provider", ParentID: root.ID, Enabled: true, ServerNetworks: demoNetworks, ClientNetworks: demoNetworks},
		{ID: demoTenant, Name: "Demo tenant", ParentID: demoProvider, Enabled: true},
	} {
		if _, err := st.Accounts().Create(ctx, a); err != nil && !errors.Is(err, store.ErrExists) {
			return fmt.Errorf("account %s: %w", a.Name, err)
		}
	}
	// One of an older version lacks networks.
	provider, err := st.Accounts().Get(ctx, demoProvider)
	if err == nil && (provider.ServerNetworks == nil || provider.ClientNetworks == nil) {
		for _, networks := range []*[]netip.Prefix{&provider.ServerNetworks, &provider.ClientNetworks} {
			if *networks == nil {
				*networks = demoNetworks
			}
		}
		_, err = st.Accounts().Update(ctx, demoProvider, provider.Revision, provider)
	}
	return err
}

// demoNetworks is where the demo's RADIUS server and devices are.
var demoNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// demoCreate stores an account's document unless there is one.
func demoCreate(ctx context.Context, n *module, account aaa.AccountID, text string) error {
	// A document of the user's stays, whatever became of what the demo's own needs.
	if _, err := n.store.Documents().Get(ctx, account); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	p, err := n.preparer.Prepare(ctx, account, json.RawMessage(text), nil)
	if err != nil {
		return fmt.Errorf("document of %s: %w", account, err)
	}
	_, err = n.store.Documents().Create(ctx, store.Document{Account: account, Body: p.Body, Author: "demo"}, p.Uses)
	if err != nil && !errors.Is(err, store.ErrExists) {
		return fmt.Errorf("document of %s: %w", account, err)
	}
	return nil
}

// demoPort is the port that the stored document names, or the first one to try.
func demoPort(ctx context.Context, st store.Store) int {
	doc, err := st.Documents().Get(ctx, demoProvider)
	if err == nil {
		if server := demoServerOf(doc.Body); server != nil {
			if port, ok := server["port"].(float64); ok {
				return int(port)
			}
		}
	}
	return 18120
}

// demoServerOf finds the server called demo in a document; nil where the user took it out.
func demoServerOf(body json.RawMessage) map[string]any {
	var doc struct {
		Servers []map[string]any `json:"servers"`
	}
	if json.Unmarshal(body, &doc) != nil {
		return nil
	}
	for _, s := range doc.Servers {
		if s["name"] == "demo" {
			return s
		}
	}
	return nil
}

// demoMovePort writes the server's port into the stored document where it is another than
// the last time. The rest stays as it is, its secrets too.
func demoMovePort(ctx context.Context, n *module, port int) error {
	doc, err := n.store.Documents().Get(ctx, demoProvider)
	if err != nil {
		return err
	}
	if server := demoServerOf(doc.Body); server == nil || server["port"] == float64(port) {
		return nil
	}
	masked, err := document.Mask(doc.Body)
	if err != nil {
		return err
	}
	var members map[string]any
	if err := json.Unmarshal(masked, &members); err != nil {
		return err
	}
	for _, s := range members["servers"].([]any) {
		if server := s.(map[string]any); server["name"] == "demo" {
			server["port"] = port
		}
	}
	body, err := json.Marshal(members)
	if err != nil {
		return err
	}
	p, err := n.preparer.Prepare(ctx, demoProvider, body, doc.Body)
	if aaa.KindOf(err) == aaa.KindBadInput { // a secret is lost, or the user's document is stale: the API is where to mend it
		n.log.WarnContext(ctx, "the demo's document keeps the port of an earlier start", "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	_, err = n.store.Documents().Replace(ctx, store.Document{Account: demoProvider, Body: p.Body, Author: "demo"}, doc.Revision, p.Uses)
	return err
}

// token makes sure that the demo's token file holds a token of the provider that works.
func (d *demo) token(ctx context.Context, st store.Store) error {
	text, err := os.ReadFile(d.tokenFile)
	if err == nil {
		t, err := st.Tokens().ByHash(ctx, token.Hash(strings.TrimSpace(string(text))))
		if err == nil && t.Account == demoProvider {
			return nil
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	t := fullToken(demoProvider, "made by --demo")
	minted, err := mintToken(ctx, st, &t)
	if err != nil {
		return err
	}
	return atomicfile.Replace(d.tokenFile, []byte(minted+"\n"), nil)
}
