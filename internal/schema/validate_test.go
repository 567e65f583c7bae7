package schema

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/schemas"
)

func parse(t testing.TB, text string) any {
	t.Helper()
	v, err := Parse([]byte(text), MaxDepth)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// TestSchemasDescribeThemselves holds every schema to what docs need, and to the
// list of names: a file that no name stands for would never be compiled.
func TestSchemasDescribeThemselves(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(schemas.Files, "*.json")
	if err != nil || len(files) != len(names) {
		t.Fatalf("%d files for %d names (%v)", len(files), len(names), err)
	}
	s, err := load()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		raw := s.raw[base+name+".json"].(map[string]any)
		if raw["title"] == nil || raw["description"] == nil {
			t.Errorf("%s has no title or description", name)
		}
		members, _ := raw["properties"].(map[string]any) // a request has none
		for member, v := range members {
			p := v.(map[string]any)
			if p["title"] == nil && p["$ref"] == nil {
				t.Errorf("%s: %s has no title", name, member)
			}
		}
		if raw["additionalProperties"] == nil {
			t.Errorf("%s takes unknown members", name)
		}
	}
}

// TestSystemHasAllOfAccounts holds the two forms of the AAA document together.
func TestSystemHasAllOfAccounts(t *testing.T) {
	t.Parallel()
	s, err := load()
	if err != nil {
		t.Fatal(err)
	}
	account := s.raw[base+"aaa.json"].(map[string]any)
	system := s.raw[base+"system_aaa.json"].(map[string]any)
	if diff := cmp.Diff(account["required"], system["required"]); diff != "" {
		t.Errorf("required:\n%s", diff)
	}
	for member := range account["properties"].(map[string]any) {
		want := map[string]any{"$ref": "aaa.json#/properties/" + member}
		if diff := cmp.Diff(want, system["properties"].(map[string]any)[member]); diff != "" {
			t.Errorf("%s:\n%s", member, diff)
		}
	}
}

const server = `{"enabled":true,"name":"s","address":"127.0.0.1","port":1812,"secret":"x","aaa_engine":"radius","dicts":[]}`

func document(more string) string {
	return `{"aaa_mode":"on","servers":[` + server + `],"authentication":["s"],"authorization":[],"accounting":[],"workers":5,"nas_address":"127.0.0.1","nas_port":"2000"` + more + `}`
}

func TestValidateTellsEveryFault(t *testing.T) {
	t.Parallel()
	got := Validate(AAA, parse(t, `{
		"aaa_mode": "maybe",
		"servers": [
			{"enabled":"yes","name":" s","port":65536,"secret":"hush-0","aaa_engine":"pigeon","dicts":["d",1,"d"],"avp":1,"retries":-1,"timeout":1.5,"sercet":"hush-1","x-note":{"a":1}},
			"hush-2",
			{"enabled":true,"name":"s","address":"","port":1812,"secret":"","aaa_engine":"radius","dicts":[],"health_check":{"type":"ping","password":["hush-3"],"y":1}}
		],
		"authentication": ["a","b","a"],
		"accounting": {"hush-4":1},
		"workers": 0,
		"nas_address": null,
		"nas_port": "20x0",
		"authz_password": 5550123,
		"authn_avp_translation": [{"request_key":"k","attribute":"a","request_value_regexp":"(.)","cast":"string_to_float"}],
		"block_authz": [{"channel":["inbound"]},{"channel":["inbound","sideways"]}],
		"authz_providers": {"jonny5":{"url":"http://x","secret":"hush-5"}},
		"b/a~d": 1
	}`))
	list := make([]string, 0, len(got))
	for _, f := range got {
		list = append(list, fmt.Sprintf("%s %s %v %v", f.Path, f.Rule, f.Target, f.Value))
	}
	want := []string{
		"aaa_mode enum [off on inherit] maybe",
		"accounting type array <nil>",
		"authentication uniqueItems true <nil>",
		"authn_avp_translation.0.attr_value_regexp required <nil> <nil>",
		"authn_avp_translation.0.cast enum [string_to_integer] string_to_float",
		"authorization required <nil> <nil>",
		"authz_password type string <nil>",
		"authz_providers unknown <nil> <nil>",
		"b/a~d unknown <nil> <nil>",
		"block_authz.0.channel minItems 2 <nil>",
		"block_authz.1.channel.1 enum [inbound outbound internal external] sideways",
		"nas_address type string <nil>",
		"nas_port pattern ^[0-9]{1,10}$ 20x0",
		"servers.0.aaa_engine enum [radius tacacs diameter] pigeon",
		"servers.0.address required <nil> <nil>",
		"servers.0.avp type string 1",
		"servers.0.dicts uniqueItems true <nil>",
		"servers.0.dicts.1 type string 1",
		"servers.0.enabled type boolean yes",
		`servers.0.name pattern ^[^\s\p{Z}]([\s\S]*[^\s\p{Z}])?$  s`,
		"servers.0.port maximum 65535 65536",
		"servers.0.retries minimum 0 -1",
		"servers.0.sercet unknown <nil> <nil>",
		"servers.0.timeout type integer 1.5",
		"servers.1 type object <nil>",
		"servers.2.address minLength 1 ",
		"servers.2.health_check.password type string <nil>",
		"servers.2.health_check.type enum [status-server user time] ping",
		"servers.2.health_check.y unknown <nil> <nil>",
		"servers.2.secret minLength 1 <nil>",
		"workers minimum 1 0",
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	text := fmt.Sprintf("%v", got)
	for _, secret := range []string{"hush-0", "hush-1", "hush-2", "hush-3", "hush-4", "hush-5", "5550123"} {
		if strings.Contains(text, secret) {
			t.Errorf("the faults give %s away: %s", secret, text)
		}
	}
}

// TestValidateRepeatsNoURL: that of an authoriser may hold a password, however it is wrong.
func TestValidateRepeatsNoURL(t *testing.T) {
	t.Parallel()
	for url, rule := range map[string]string{
		`"http://user:hush@x/` + strings.Repeat("x", 2048) + `"`: "maxLength",
		`5550123`:         "type",
		`["http://hush"]`: "type",
		`""`:              "minLength",
	} {
		got := Validate(SystemAAA, parse(t, document(`,"authz_providers":{"jonny5":{"url":`+url+`,"secret":"k"}}`)))
		if len(got) != 1 || got[0].Path != "authz_providers.jonny5.url" || got[0].Rule != rule || got[0].Value != nil || strings.Contains(got[0].Message, "hush") {
			t.Errorf("%+v", got)
		}
	}
}

// TestValidateDoubtsNames: below a name that sounds like a secret no value is
// repeated, though the schema does not say writeOnly there.
func TestValidateDoubtsNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]any{"jonny5": json.Number("5"), "user-password": nil} {
		got := Validate(SystemAAA, parse(t, document(`,"authz_providers":{"`+name+`":{"url":"http://x","secret":"k","timeout":5}}`)))
		if len(got) != 1 || got[0].Rule != "minimum" || got[0].Value != want {
			t.Errorf("%s: %+v, want the value %v", name, got, want)
		}
	}
}

func TestValidateMessages(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	for _, f := range Validate(AAA, parse(t, `{"aaa_mode":1,"servers":[{"port":0,"secret":"","name":"\u0001","enabled":true,"address":"a","aaa_engine":"x","dicts":["a","a"]}],
		"authentication":[],"authorization":[],"accounting":[],"workers":1001,"nas_address":"`+strings.Repeat("1", 46)+`","nas_port":true,"z":1}`)) {
		got[f.Path] = f.Message
	}
	for _, f := range Validate(Token, parse(t, `{"scopes":["read"],"expires_at":"2027-01-31"}`)) {
		got[f.Path] = f.Message
	}
	want := map[string]string{
		"expires_at":           "must be a time as in 2027-01-31T12:00:00Z (RFC 3339)",
		"aaa_mode":             "must be a string",
		"servers.0.port":       "must be at least 1",
		"servers.0.secret":     "must not be empty",
		"servers.0.name":       "must have no control characters, none that is not seen, and no space at either end",
		"servers.0.aaa_engine": "must be one of radius, tacacs, diameter",
		"servers.0.dicts":      "items at index 0 and 1 are equal",
		"workers":              "must be at most 1000",
		"nas_address":          "must have at most 45 characters",
		"nas_port":             "must be an integer or a string",
		"z":                    "is not a known member",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestValidateAccepts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ schema, text string }{
		{AAA, document("")},
		{AAA, document(`,"x-anything":{"secret":[1,{"deep":null}]},"custom":["s"],"custom_avp_translation":[],"session_timeout":0`)},
		{AAA, strings.Replace(document(""), `"2000"`, `2000`, 1)},
		{AAA, strings.Replace(document(""), `"port":1812`, `"port":1812.0`, 1)},
		{SystemAAA, document(`,"authz_providers":{"jonny5":{"url":"https://a/b","secret":"k","timeout":100,"fail_open":true,"x-a":1}}`)},
		{Account, `{"name":"Acme Ltd","realm":"sip.acme-1.example","enabled":false}`},
		{Dictionary, `{"name":"dictionary_juniper","owner":"5157b7a3b843668a6baf83f6fa5e0bf4","value":[{"vendor":{"Juniper":2636}}]}`},
		{Token, `{"scopes":["read","request"],"note":"ci","expires_at":"2030-01-02T03:04:05Z"}`},
		{Request, `{"User-Name":"bob","n":1,"b":true,"list":["a",1,false]}`},
	} {
		if got := Validate(c.schema, parse(t, c.text)); got != nil {
			t.Errorf("%s: %s: %+v", c.schema, c.text, got)
		}
	}
}

func TestValidateRefuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300)
	many := `{` + strings.TrimSuffix(strings.Repeat(`"%d":1,`, 257), ",") + `}`
	keys := make([]any, 257)
	for i := range keys {
		keys[i] = i
	}
	for _, c := range []struct{ schema, text, want string }{
		{SystemAAA, document(`,"authz_providers":{"-a":{"url":"http://x","secret":"k"}}`), "authz_providers.-a pattern"},
		{SystemAAA, document(`,"authz_providers":{"a":{"url":"http://x","timeout":5}}`), "authz_providers.a.secret required, authz_providers.a.timeout minimum"},
		{Account, `{}`, "name required"},
		{Account, `{"name":"a","realm":"A.example"}`, "realm pattern"},
		{Account, `{"name":"a","id":"1"}`, "id unknown"},
		{Dictionary, `{"name":"../x","value":{}}`, "name pattern, value type"},
		{Token, `{"scopes":[]}`, "scopes minItems"},
		{Token, `{"scopes":["all"],"expires_at":"tomorrow"}`, "expires_at format, scopes.0 enum"},
		{Request, `[]`, " type"},
		{Request, `{"a":null,"b":{"c":1},"d":[[1]],"":1}`, " minLength, a type, b type, d.0 type"},
		{Request, `{"` + long + `":1}`, long[:128] + "… maxLength"},
		{Request, fmt.Sprintf(many, keys...), " maxProperties"},
		{Request, `{"a":"` + strings.Repeat("é", 16385) + `","b":["` + strings.Repeat("y", 16385) + `"]}`, "a maxLength, b.0 maxLength"},
		{Request, `{"a":[` + strings.Repeat("1,", 256) + `1]}`, "a maxItems"},
	} {
		var got []string
		for _, f := range Validate(c.schema, parse(t, c.text)) {
			if c.schema == Request && f.Value != nil {
				t.Errorf("%s: a value of a request is repeated: %v", c.text, f.Value)
			}
			got = append(got, f.Path+" "+f.Rule)
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%s: %.60s: %s, want %s", c.schema, c.text, s, c.want)
		}
	}
}

func TestValidateTellsBoundedFaults(t *testing.T) {
	t.Parallel()
	got := Validate(AAA, parse(t, document(`,"authn_avp_translation":[`+strings.Repeat(`{},`, 499)+`{}]`)))
	if len(got) != maxFaults+1 || got[maxFaults].Message != "there are more faults: 1800" {
		t.Errorf("%d faults, the last %+v", len(got), got[len(got)-1])
	}
}

// FuzzRequest holds the short cut to the schema: what it takes the schema takes.
// It also holds every fault of a request to naming no value.
func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"User-Name":"bob","User-Password":"hush","n":[1,"a",true]}`))
	f.Add([]byte(`{"a":{"b":1},"c":null}`))
	f.Add([]byte(`{"":["é",[]]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := Parse(data, MaxDepth)
		if err != nil {
			return
		}
		s, err := load()
		if err != nil {
			t.Fatal(err)
		}
		valid := s.compiled[Request].Validate(v) == nil
		if plainRequest(v) && !valid {
			t.Fatalf("the short cut accepts what the schema refuses: %s", data)
		}
		faults := Validate(Request, v)
		if valid != (len(faults) == 0) {
			t.Fatalf("valid: %v, faults: %v", valid, faults)
		}
		for _, f := range faults {
			if f.Rule == "" || f.Message == "" || f.Value != nil && f.Path != "" {
				t.Fatalf("fault %+v", f)
			}
		}
		if _, err := json.Marshal(aaa.Invalid(faults...).Fields); err != nil {
			t.Fatalf("faults can't be shown: %v", err)
		}
	})
}

// TestPlainRequestBounds holds the bounds of the short cut to those of the schema.
func TestPlainRequestBounds(t *testing.T) {
	t.Parallel()
	s, err := load()
	if err != nil {
		t.Fatal(err)
	}
	raw := s.raw[base+"request.json"].(map[string]any)
	value := raw["additionalProperties"].(map[string]any)
	got := []any{
		raw["maxProperties"], raw["propertyNames"].(map[string]any)["maxLength"],
		value["maxLength"], value["items"].(map[string]any)["maxLength"], value["maxItems"],
	}
	if text, want := fmt.Sprint(got), fmt.Sprint([]any{requestKeys, requestKey, requestValue, requestValue, requestElement}); text != want {
		t.Errorf("schema %s, short cut %s", text, want)
	}
}

func BenchmarkParseDocument(b *testing.B) {
	text := []byte(document(`,"authn_avp_translation":[` + strings.Repeat(`{"attribute":"User-Name","request_key":"User-Name","request_value_regexp":"^(.*)$","attr_value_regexp":"^(.*)$"},`, 20) + `{}]`))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Parse(text, MaxDepth); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	text := []byte(`{"data":{"User-Name":"bob@example.org","User-Password":"secret-password","Calling-Station-Id":"00-11-22-33-44-55","NAS-Port":17,"Called-Station-Id":"aa-bb"}}`)
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v, err := Parse(text, MaxDepth)
			if err != nil || Validate(Request, v.(map[string]any)["data"]) != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("schema", func(b *testing.B) {
		b.ReportAllocs()
		s, err := load()
		if err != nil {
			b.Fatal(err)
		}
		v := parse(b, string(text)).(map[string]any)["data"]
		for b.Loop() {
			if err := s.compiled[Request].Validate(v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
