package document

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

func TestPrepareTakesTheExamples(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		uses     []store.Ref
		warnings []string
	}{
		"example_on": {
			uses: []store.Ref{{Kind: store.RefDictionary, Account: account, Name: "dictionary1"}, {Kind: store.RefDictionary, Account: aaa.AccountID(strings.Repeat("a", 32)), Name: "dictionary2"}},
			warnings: []string{
				"servers.2.aaa_engine engine", "servers.3.aaa_engine engine", "authz_apps.1 unregistered",
			},
		},
		"example_inherit": {},
		"example_put":     {warnings: []string{"authz_apps.1 unregistered"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := example(t, name)
			got := prepare(t, text, nil)
			if diff := cmp.Diff(c.uses, got.Uses); diff != "" {
				t.Errorf("uses (-want +got):\n%s", diff)
			}
			var warnings []string
			for _, w := range got.Warnings {
				warnings = append(warnings, w.Path+" "+w.Rule)
			}
			if diff := cmp.Diff(c.warnings, warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
			// What is stored is what was written, but for the secrets.
			want := parse(t, text)
			for _, p := range Places(want.(map[string]any)) {
				clear, _ := p.Text()
				if strings.Contains(string(got.Body), clear+`"`) {
					t.Errorf("%s is stored in the clear", p.Path)
				}
				sealed, _ := vault{}.Seal(t.Context(), account, p.Purpose, clear)
				p.Set(sealed)
			}
			if diff := cmp.Diff(want, parse(t, got.Body)); diff != "" {
				t.Errorf("stored (-written +stored):\n%s", diff)
			}
			if _, err := Decode(t.Context(), account, got.Body, vault{}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPrepareKeepsMembersAsWritten(t *testing.T) {
	t.Parallel()
	got := prepare(t, patched(t, `{
		"x-note": {"n": 1.0, "secret": "shown", "list": [1e2, {"<&>": "\u2028"}]},
		"nas_port": 2e3, "workers": 7.0, "session_timeout": -0,
		"servers": [{"enabled":true,"name":"s","address":"h.example","port":1812.0,"secret":"a","aaa_engine":"radius","dicts":[],"x-rack":"r1","health_check":{"x-a":[]}}],
		"authorization": ["s"]
	}`), nil)
	m := parse(t, got.Body).(map[string]any)
	server := m["servers"].([]any)[0].(map[string]any)
	want := map[string]any{
		"x-note": map[string]any{"n": json.Number("1"), "secret": "shown", "list": []any{json.Number("100"), map[string]any{"<&>": "\u2028"}}},
		"port":   json.Number("1812"), "nas_port": json.Number("2000"), "workers": json.Number("7"), "session_timeout": json.Number("0"),
		"rack": "r1", "health_check": map[string]any{"x-a": []any{}}, "avp": nil, "retries": nil,
	}
	have := map[string]any{
		"x-note": m["x-note"], "port": server["port"], "nas_port": m["nas_port"], "workers": m["workers"], "session_timeout": m["session_timeout"],
		"rack": server["x-rack"], "health_check": server["health_check"], "avp": server["avp"], "retries": server["retries"],
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	d, err := Decode(t.Context(), account, got.Body, vault{})
	if err != nil {
		t.Fatal(err)
	}
	if s := d.Servers[0]; s.Port != 1812 || s.Retries != DefaultRetries || s.Timeout != DefaultTimeout || d.NASPort != "2000" || d.Workers != 7 {
		t.Errorf("decoded: %+v", d)
	}
}

// TestDecodeTellsZeroFromAbsent: retries 0 is one attempt, no retries the default.
// Documents of older versions may have a timeout below the floor.
func TestDecodeRaisesTimeouts(t *testing.T) {
	t.Parallel()
	d, err := Decode(t.Context(), account, []byte(`{"servers":[{"name":"a","timeout":10}]}`), vault{})
	if err != nil || d.Servers[0].Timeout != 100 {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestDecodeTellsZeroFromAbsent(t *testing.T) {
	t.Parallel()
	got := prepare(t, patched(t, "{"+servers(`{"retries":0,"timeout":100}`, `{"name":"b","retries":10,"timeout":60000}`, `{"name":"c"}`)+"}"), nil)
	d, err := Decode(t.Context(), account, got.Body, vault{})
	if err != nil {
		t.Fatal(err)
	}
	var have [][2]int
	for _, s := range d.Servers {
		have = append(have, [2]int{s.Retries, s.Timeout})
	}
	if diff := cmp.Diff([][2]int{{0, 100}, {10, 60000}, {DefaultRetries, DefaultTimeout}}, have); diff != "" {
		t.Errorf("retries and timeouts (-want +got):\n%s", diff)
	}
}

// serverWith makes a server's entry with a patch applied.
func serverWith(patch string) string {
	base := map[string]any{
		"enabled": true, "name": "s", "address": "127.0.0.1", "port": 1812, "secret": "hush",
		"aaa_engine": "radius", "dicts": []any{"dictionary"},
	}
	var p any
	if err := json.Unmarshal([]byte(patch), &p); err != nil {
		panic(err)
	}
	text, err := json.Marshal(MergePatch(base, p))
	if err != nil {
		panic(err)
	}
	return string(text)
}

func servers(patches ...string) string {
	list := make([]string, len(patches))
	for i, p := range patches {
		list[i] = serverWith(p)
	}
	return `"authorization":[],"servers":[` + strings.Join(list, ",") + `]`
}

func ruleWith(members string) string {
	return `"authz_avp_translation":[{"request_key":"k","attribute":"User-Name","request_value_regexp":"(.*)","attr_value_regexp":"(.*)"},{` + members + `}]`
}

func TestPrepareRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		patch string
		want  []string
	}{
		"mode":                    {`"aaa_mode":"auto"`, []string{"aaa_mode enum"}},
		"required members":        {`"aaa_mode":null,"servers":null,"workers":null`, []string{"aaa_mode required", "servers required", "workers required"}},
		"unknown members":         {`"secret":"hush","y":1,` + servers(`{"Port":1}`), []string{"secret unknown", "servers.0.Port unknown", "y unknown"}},
		"providers of an account": {`"authz_providers":{}`, []string{"authz_providers unknown"}},
		"types":                   {`"authentication":"server1","workers":"5","nas_port":[]`, []string{"authentication type", "nas_port type", "workers type"}},
		"ports out of range":      {servers(`{"port":0}`, `{"name":"b","port":65536}`), []string{"servers.0.port minimum", "servers.1.port maximum"}},
		"NAS port out of range":   {`"nas_port":"4294967296"`, []string{"nas_port maximum"}},
		"NAS port negative":       {`"nas_port":-1`, []string{"nas_port minimum"}},
		"retries and timeout":     {servers(`{"retries":11,"timeout":60001}`), []string{"servers.0.retries maximum", "servers.0.timeout maximum"}},
		"empty secrets":           {`"authz_password":"",` + servers(`{"secret":"","health_check":{"password":""}}`), []string{"authz_password minLength", "servers.0.health_check.password minLength", "servers.0.secret minLength"}},
		"no secret":               {servers(`{"secret":null}`), []string{"servers.0.secret required"}},
		"masks without a secret":  {`"authz_password":"********",` + servers(`{"secret":"********"}`, `{"name":"b","health_check":{"password":"********"}}`), []string{"authz_password secret", "servers.0.secret secret", "servers.1.health_check.password secret"}},
		"server names clash":      {servers(`{}`, `{"name":"b"}`, `{}`), []string{"servers.2.name unique"}},
		"missing servers":         {`"authentication":["no"],"accounting":["server1","no"],"custom":["Server1"]`, []string{"authentication.0 exists", "accounting.1 exists", "custom.0 exists"}},
		"a server twice":          {`"authorization":["server1","server1"]`, []string{"authorization uniqueItems"}},
		"missing dictionaries":    {servers(`{"dicts":["dictionary","no"]}`, `{"name":"b","dicts":["no"]}`), []string{"servers.0.dicts.1 exists", "servers.1.dicts.0 exists"}},
		"addresses":               {`"nas_address":"nas.example",` + servers(`{"address":"256.1.1.1"}`, `{"name":"b","address":"a_b"}`, `{"name":"c","address":"0.0.0.0"}`), []string{"servers.0.address address", "servers.1.address address", "servers.2.address address", "nas_address address"}},
		"NAS address with a zone": {`"nas_address":"fe80::1%eth0"`, []string{"nas_address address"}},
		"engine and AVP mode":     {servers(`{"aaa_engine":"kerberos","avp":"lax"}`), []string{"servers.0.aaa_engine enum", "servers.0.avp enum"}},
		"regexp does not compile": {ruleWith(`"request_key":"k","attribute":"a","request_value_regexp":"(","attr_value_regexp":"(?<x"`), []string{"authz_avp_translation.1.request_value_regexp regexp", "authz_avp_translation.1.attr_value_regexp regexp"}},
		"regexp without a group":  {ruleWith(`"request_key":"k","attribute":"a","request_value_regexp":"(?:a)","attr_value_regexp":"^.*$"`), []string{"authz_avp_translation.1.request_value_regexp regexp", "authz_avp_translation.1.attr_value_regexp regexp"}},
		"regexp too long":         {ruleWith(`"request_key":"k","attribute":"a","request_value_regexp":"(` + strings.Repeat("a", 1023) + `)","attr_value_regexp":"(a)"`), []string{"authz_avp_translation.1.request_value_regexp maxLength"}},
		"regexp long in octets":   {ruleWith(`"request_key":"k","attribute":"a","request_value_regexp":"(` + strings.Repeat("é", 1000) + `)","attr_value_regexp":"(a)"`), []string{"authz_avp_translation.1.request_value_regexp regexp"}},
		"regexp too large":        {ruleWith(`"request_key":"k","attribute":"a","request_value_regexp":"(((a{30}){30}){30})","attr_value_regexp":"(a)"`), []string{"authz_avp_translation.1.request_value_regexp regexp"}},
		"back references":         {ruleWith(`"request_key":"k","attribute":"a","request_value_regexp":"(a)\\1","attr_value_regexp":"(a)"`), []string{"authz_avp_translation.1.request_value_regexp regexp"}},
		"cast":                    {ruleWith(`"request_key":"k","attribute":"a","request_value_regexp":"(a)","attr_value_regexp":"(a)","cast":"integer"`), []string{"authz_avp_translation.1.cast enum"}},
		"rule half written":       {ruleWith(`"request_key":"","attribute":"a"`), []string{"authz_avp_translation.1.attr_value_regexp required", "authz_avp_translation.1.request_key minLength", "authz_avp_translation.1.request_value_regexp required"}},
		"channels":                {`"block_authz":[{"channel":["inbound","outbound"]},{"channel":["internal","inbound"]}],"block_accounting":[{"channel":["external","internal"]}]`, []string{"block_accounting.0.channel channel", "block_authz.0.channel channel"}},
		"channel half written":    {`"block_authz":[{"channel":["inbound"]},{},{"channel":["inbound","inbound"]}]`, []string{"block_authz.0.channel minItems", "block_authz.1.channel required", "block_authz.2.channel uniqueItems"}},
		"probe of a user":         {servers(`{"health_check":{"type":"user"}}`), []string{"servers.0.health_check.username required", "servers.0.health_check.password required"}},
		"long in octets":          {`"authz_username":"` + strings.Repeat("é", 127) + `","authz_password":"` + strings.Repeat("é", 65) + `",` + servers(`{"health_check":{"username":"`+strings.Repeat("é", 127)+`","password":"`+strings.Repeat("é", 65)+`"}}`), []string{"servers.0.health_check.username maxLength", "servers.0.health_check.password maxLength", "authz_username maxLength", "authz_password maxLength"}},
		"all of the content":      {`"nas_address":"x","authentication":["no"],` + servers(`{"address":"-","dicts":["no"],"secret":"********"}`) + "," + ruleWith(`"request_key":"k","attribute":"a","request_value_regexp":"a","attr_value_regexp":"(a)"`), []string{"servers.0.address address", "authentication.0 exists", "nas_address address", "servers.0.dicts.0 exists", "authz_avp_translation.1.request_value_regexp regexp", "servers.0.secret secret"}},
		"bans without a key":      {`"bans":{"by":[],"max_score":0,"ban_time":2592001,"points":{"rejects":1}}`, []string{"bans.ban_time maximum", "bans.by minItems", "bans.max_score minimum", "bans.points.rejects unknown"}},
		"bans without by":         {`"bans":{}`, []string{"bans.by required"}},
		"bans by secrets": {
			`"bans":{"by":["Calling-Station-Id","otp","State","user","phrase","eap"]},` +
				ruleWith(`"request_key":"phrase","attribute":"User-Password","request_value_regexp":"(a)","attr_value_regexp":"(a)"},
				{"request_key":"eap","attribute":"Attr-79","request_value_regexp":"(a)","attr_value_regexp":"(a)"},
				{"request_key":"user","attribute":"User-Name","request_value_regexp":"(a)","attr_value_regexp":"(a)"`),
			[]string{"bans.by.1 secret", "bans.by.2 secret", "bans.by.4 secret", "bans.by.5 secret"},
		},
		"member with another case": {`"Servers":[]`, []string{"Servers unknown"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newPreparer(t).Prepare(t.Context(), account, patched(t, "{"+c.patch+"}"), nil)
			if diff := cmp.Diff(c.want, faultsOf(t, err)); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPrepareTakesLongCredentials: 253 and 128 octets are what RADIUS takes, and a mask keeps them.
func TestPrepareTakesLongCredentials(t *testing.T) {
	t.Parallel()
	name, password := strings.Repeat("é", 126)+"e", strings.Repeat("é", 64)
	stored := prepare(t, patched(t, `{"authz_username":"`+name+`","authz_password":"`+password+`",`+
		servers(`{"health_check":{"type":"user","username":"`+name+`","password":"`+password+`"}}`)+`}`), nil)
	masked, err := Mask(stored.Body)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Decode(t.Context(), account, prepare(t, masked, stored.Body).Body, vault{})
	if err != nil {
		t.Fatal(err)
	}
	if d.AuthzUsername != name || d.AuthzPassword.Reveal() != password || d.Servers[0].HealthCheck.Password.Reveal() != password {
		t.Error("not kept as written")
	}
}

func TestPrepareRefusesBadJSON(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"nothing":           {``, " json"},
		"no object":         {`[]`, " type"},
		"null":              {`null`, " type"},
		"cut off":           {`{"aaa_mode":"on"`, " json"},
		"trailing data":     {`{}{}`, " json"},
		"bad UTF-8":         {"{\"aaa_mode\":\"\xff\"}", " utf8"},
		"duplicate members": {`{"aaa_mode":"on","servers":[{"secret":"hush","secret":"hush"}]}`, "servers.0.secret duplicate"},
		"deep":              {`{"x-a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, "x-a" + strings.Repeat(".0", 31) + " depth"},
		"U+0000":            {`{"x-a":"\u0000"}`, "x-a character"},
		"huge number":       {`{"workers":1e999999}`, "workers number"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newPreparer(t).Prepare(t.Context(), account, json.RawMessage(c.text), nil)
			if diff := cmp.Diff([]string{c.want}, faultsOf(t, err)); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPrepareSystemConfiguration(t *testing.T) {
	t.Parallel()
	provider := func(url string) json.RawMessage {
		return patched(t, `{"authz_apps":["circlemaker","jonny5","other"],"authz_providers":{"jonny5":{"url":"`+url+`","secret":"hush-key"}}}`)
	}
	got, err := newPreparer(t).Prepare(t.Context(), aaa.SystemConfig, provider("https://jonny5.example:8443/ask?x=1"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Warnings) != 1 || got.Warnings[0].Path != "authz_apps.2" {
		t.Errorf("warnings: %+v", got.Warnings)
	}
	d, err := Decode(t.Context(), aaa.SystemConfig, got.Body, vault{})
	if err != nil {
		t.Fatal(err)
	}
	if s := d.AuthzProviders["jonny5"].Secret.Reveal(); s != "hush-key" {
		t.Errorf("opened %q", s)
	}
	for _, url := range []string{
		"ftp://a/", "jonny5.example", "http://", "http://u:hush@a/", "http://a/#f", "http://a:0/", "http://a:70000/", "http://a:b/", "http://0.0.0.0/", "http://a b/", "http:a", "//a/", "http://%zz/",
	} {
		_, err := newPreparer(t).Prepare(t.Context(), aaa.SystemConfig, provider(url), nil)
		if diff := cmp.Diff([]string{"authz_providers.jonny5.url url"}, faultsOf(t, err)); diff != "" {
			t.Errorf("%s:\n%s", url, diff)
		}
	}
}

// TestPreparePassesFailuresOn: a store or a security module that is away is no fault of the document.
func TestPreparePassesFailuresOn(t *testing.T) {
	t.Parallel()
	away := fmt.Errorf("dial: %w", store.ErrUnavailable)
	c := newCatalog(t)
	c.err = away
	if _, err := NewPreparer(c, vault{}, radiusOnly{}).Prepare(t.Context(), account, example(t, "example_put"), nil); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("catalog: %v", err)
	}
	if _, err := NewPreparer(newCatalog(t), vault{err: away}, radiusOnly{}).Prepare(t.Context(), account, example(t, "example_put"), nil); !errors.Is(err, store.ErrUnavailable) || aaa.KindOf(err) == aaa.KindBadInput {
		t.Errorf("sealer: %v", err)
	}
	for _, stored := range []string{`{`, `[]`, `"hush"`} {
		_, err := newPreparer(t).Prepare(t.Context(), account, example(t, "example_put"), json.RawMessage(stored))
		if !errors.Is(err, errStored) || aaa.KindOf(err) == aaa.KindBadInput || strings.Contains(err.Error(), "hush") {
			t.Errorf("stored %s: %v", stored, err)
		}
	}
}

func TestPrepareBoundsFaults(t *testing.T) {
	t.Parallel()
	var list []string
	for i := range 64 {
		dicts := make([]string, 64)
		for j := range dicts {
			dicts[j] = fmt.Sprintf(`"no-%d-%d"`, i, j)
		}
		list = append(list, fmt.Sprintf(`{"name":"s%d","dicts":[%s]}`, i, strings.Join(dicts, ",")))
	}
	_, err := newPreparer(t).Prepare(t.Context(), account, patched(t, "{"+servers(list...)+"}"), nil)
	if n := len(faultsOf(t, err)); n != 200+1 {
		t.Errorf("%d faults", n)
	}
	var e *aaa.Error
	errors.As(err, &e)
	if last := e.Fields[len(e.Fields)-1]; last.Rule != "more" || last.Message != fmt.Sprintf("there are more faults: %d", 64*64-200) {
		t.Errorf("the last fault: %+v", last)
	}
}
