package document

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/fsm"
	"aaa-api/internal/schema"
	"aaa-api/internal/secmod"
	"aaa-api/internal/store"
)

const account = aaa.AccountID("5157b7a3b843668a6baf83f6fa5e0bf4")

// vault seals reversibly and binds account and purpose, as the real one does.
type vault struct{ err error }

func (v vault) Seal(_ context.Context, account aaa.AccountID, purpose, clear string) (string, error) {
	if v.err != nil {
		return "", v.err
	}
	text := string(account) + "\x00" + purpose + "\x00" + clear
	return secmod.SealedPrefix + base64.RawURLEncoding.EncodeToString([]byte(text)), nil
}

func (v vault) Open(_ context.Context, account aaa.AccountID, purpose, sealed string) (aaa.Secret, error) {
	if v.err != nil {
		return aaa.Secret{}, v.err
	}
	coded, ok := strings.CutPrefix(sealed, secmod.SealedPrefix)
	text, err := base64.RawURLEncoding.DecodeString(coded)
	if !ok || err != nil {
		return aaa.Secret{}, secmod.ErrSealed
	}
	clear, ok := strings.CutPrefix(string(text), string(account)+"\x00"+purpose+"\x00")
	if !ok {
		return aaa.Secret{}, secmod.ErrSealed
	}
	return aaa.NewSecret(clear), nil
}

// catalog holds compiled dictionaries, tables and names of users files; the dictionaries and tables of owners
// are stored ones.
type catalog struct {
	dicts  map[string]*dict.Compiled
	tables map[string]*fsm.Table
	files  []string
	owners map[string]aaa.AccountID
	err    error
}

func (c catalog) Table(_ context.Context, _ aaa.AccountID, name string) (*fsm.Table, *store.Ref, error) {
	if c.err != nil {
		return nil, nil, c.err
	}
	table, ok := c.tables[name]
	if !ok {
		return nil, nil, fmt.Errorf("table %s: %w", name, store.ErrNotFound)
	}
	if owner, ok := c.owners[name]; ok {
		return table, &store.Ref{Kind: store.RefFSM, Account: owner, Name: name}, nil
	}
	return table, nil, nil
}

func (c catalog) UsersFile(_ context.Context, _ aaa.AccountID, name string) (bool, error) {
	return slices.Contains(c.files, name), c.err
}

func (c catalog) Lookup(_ context.Context, _ aaa.AccountID, name string) (*dict.Compiled, *store.Ref, error) {
	if c.err != nil {
		return nil, nil, c.err
	}
	compiled, ok := c.dicts[name]
	if !ok {
		return nil, nil, fmt.Errorf("dictionary %s: %w", name, store.ErrNotFound)
	}
	if owner, ok := c.owners[name]; ok {
		return compiled, &store.Ref{Kind: store.RefDictionary, Account: owner, Name: name}, nil
	}
	return compiled, nil, nil
}

func newCatalog(t testing.TB) catalog {
	t.Helper()
	compile := func(name, value string) *dict.Compiled {
		entries, err := dict.ParseJSON([]byte(value))
		if err != nil {
			t.Fatal(err)
		}
		c, err := dict.Compile(name, entries, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := catalog{
		dicts: map[string]*dict.Compiled{
			"dictionary": compile("dictionary", `[
				{"attr":{"id":1,"type":"string","name":"User-Name"}},{"attr":{"id":2,"type":"string","name":"User-Password","enc":"scramble"}},
				{"attr":{"id":41,"type":"integer","name":"Acct-Delay-Time"}},{"attr":{"id":46,"type":"integer","name":"Acct-Session-Time"}}]`),
			"dictionary_3gpp": compile("dictionary_3gpp", `[{"vendor":{"3GPP":10415}},{"attr":{"vid":10415,"id":1,"type":"string","name":"3GPP-IMSI"}}]`),
		},
		owners: map[string]aaa.AccountID{"dictionary1": account, "dictionary2": aaa.AccountID(strings.Repeat("a", 32))},
	}
	c.files = []string{"staff"}
	c.tables = map[string]*fsm.Table{}
	for name, lines := range map[string]string{
		"all":     "*.+AUTHEN.ACK RADIUS; *.+AUTHZ.ACK RADIUS; *.+ACCT.ACK RADIUS; *.+CUSTOM.ACK RADIUS",
		"starts":  "*.+ACCT_START.ACK RADIUS; *.+ACCT_STOP.ACK RADIUS",
		"servers": "*.+AUTHEN.ACK RAD2RAD Xstring=server1; *.+AUTHZ.ACK RAD2RAD Xstring=accounting; *.+PASSWD.ACK RADDNS Xstring=server2",
		"lost":    "*.+AUTHEN.ACK RAD2RAD Xstring=nowhere; *.+AUTHZ.ACK RADDNS Xstring=Accounting",
		"realms":  "*.+AUTHEN.ACK REALM Xstring=home; *.+AUTH_ONLY.ACK REALM Xstring=away",
		"files":   "*.+AUTHEN.ACK FILE Xstring=staff; *.+AUTH_ONLY.ACK FILE Xstring=guests; *.+PASSWD.ACK FILE",
	} {
		c.tables[name] = compileTable(t, lines)
	}
	c.owners["all"], c.owners["starts"] = account, aaa.AccountID(strings.Repeat("a", 32))
	for _, name := range []string{"dictionary1", "dictionary2", "dictionary2a"} {
		c.dicts[name] = compile(name, `[{"attr":{"id":200,"type":"string","name":"`+name+`-Attribute"}}]`)
	}
	return c
}

// compileTable makes a table of its first state's lines, without their next state.
func compileTable(t testing.TB, lines string) *fsm.Table {
	t.Helper()
	asks := func(name, xstring string) fsm.Spec {
		return fsm.Spec{Name: name, Later: []fsm.Event{fsm.ACK, fsm.NAK}, Decides: true, Xstring: xstring}
	}
	text := "Start:\n"
	for line := range strings.SplitSeq(lines, "; ") {
		part := append(strings.Fields(line), "")
		text += "\t" + part[0] + " " + part[1] + " End " + part[2] + "\n"
	}
	table, faults, _ := fsm.Check([]byte(text+"End:\n"), fsm.NewActions(
		asks("RADIUS", ""), asks("RAD2RAD", "server"), asks("RADDNS", "server"), asks("REALM", "rule"), asks("FILE", "users file")))
	if len(faults) > 0 {
		t.Fatalf("%s%+v", text, faults)
	}
	return table
}

// radiusOnly is a service that speaks RADIUS only, and knows which members servers of RADIUS and TACACS+ have.
type radiusOnly struct{}

func (radiusOnly) Has(name string) bool { return name == "radius" }

func (radiusOnly) Taking(member string) []string {
	if member == "single_connect" {
		return []string{"tacacs"}
	}
	return []string{"radius", "tacacs"}
}

func (radiusOnly) Transports(engine string) []string {
	return map[string][]string{"radius": {"udp", "tls"}, "tacacs": {"tcp", "tls"}}[engine]
}

func newPreparer(t testing.TB) *Preparer {
	t.Helper()
	return NewPreparer(newCatalog(t), vault{}, radiusOnly{})
}

func example(t testing.TB, name string) json.RawMessage {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func parse(t testing.TB, text []byte) any {
	t.Helper()
	v, err := schema.Parse(text, schema.MaxDepth)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// patched is example_put.json with a merge patch applied.
func patched(t testing.TB, patch string) json.RawMessage {
	t.Helper()
	text, err := aaa.PlainJSON(MergePatch(parse(t, example(t, "example_put")), parse(t, []byte(patch))))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func prepare(t testing.TB, doc, stored json.RawMessage) *Prepared {
	t.Helper()
	p, err := newPreparer(t).Prepare(t.Context(), account, doc, stored)
	if err != nil {
		var e *aaa.Error
		if errors.As(err, &e) {
			t.Fatalf("%v: %+v", err, e.Fields)
		}
		t.Fatal(err)
	}
	return p
}

// faultsOf lists the faults of an error as "path rule".
func faultsOf(t testing.TB, err error) []string {
	t.Helper()
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != aaa.KindBadInput {
		t.Fatalf("got %v, want an *aaa.Error of KindBadInput", err)
	}
	var list []string
	for _, f := range e.Fields {
		if f.Message == "" {
			t.Errorf("%s %s has no message", f.Path, f.Rule)
		}
		list = append(list, f.Path+" "+f.Rule)
	}
	return list
}
