package httpapi

import (
	"encoding/json"
	"strings"
	"testing"
)

// A refusal says what is wrong and what to do next.
func TestRefusalsSayWhatToDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text := map[string]string{"Content-Type": "application/xml"}
	plain := map[string]string{"Content-Type": "text/plain"}
	const system = "/v2/system_configs/circlemaker"
	w.document(w.tenant)
	w.upload("PUT", at(w.tenant, "/aaa/fsm/x"), aTable).want(201)
	w.upload("PUT", at(w.tenant, "/aaa/dictionary?name=dictionary_x"), acmeText).want(201)
	w.upload("PUT", at(w.tenant, "/aaa/users/x"), "bob:!\n").want(201)
	writeOnly := w.token(w.tenant, "write")
	w.document(w.child)
	w.call(w.rootToken, "DELETE", at(w.child, "/aaa"), "").want(200)
	doc := w.call(w.rootToken, "GET", at(w.tenant, "/aaa"), "").text
	changed := func(from, to string) string {
		var envelope struct{ Data json.RawMessage }
		ok(t, json.Unmarshal([]byte(doc), &envelope))
		body := strings.Replace(string(envelope.Data), from, to, 1)
		if body == string(envelope.Data) {
			t.Fatalf("the document lacks %s: %s", from, body)
		}
		return data(body)
	}
	for _, c := range []struct {
		a      ask
		status int
		says   string
	}{
		{ask{method: "GET", path: at(w.child, "/aaa")}, 404, "the account has no AAA document: create it with PUT"},
		{ask{method: "PATCH", path: at(w.child, "/aaa"), body: `{"data":{"workers":1}}`}, 404, "the account has no AAA document"},
		{ask{method: "DELETE", path: at(w.child, "/aaa")}, 404, "the account has no AAA document"},
		{ask{method: "GET", path: "/v2/system_configs/circlemaker"}, 404, "the system configuration has no AAA document: create it with PUT"},
		{ask{method: "GET", path: at("00000000000000000000000000000000", "/aaa")}, 404, "there is no such account"},
		{ask{method: "PATCH", path: at(w.child, ""), body: `{"data":{"parent_id":"x"}}`}, 400, "use POST /v2/accounts/{id}/move"},
		{ask{method: "POST", path: at(w.tenant, "/aaa/authn"), body: `{"User-Name":"bob"}`}, 400, `put the member into data`},
		{ask{method: "POST", path: at(w.tenant, "/aaa/authn"), body: `{"data":{},"revision":"1","learnt":{}}`}, 400, `"learnt":{"unknown":{"message":"is no member of a body`},
		{ask{method: "POST", path: at(w.tenant, "/aaa/authn"), body: `{"data":{},"revision":"1","learnt":{}}`}, 400, `"revision":{"unknown":{"message":"is no member of a body`},
		{ask{method: "PUT", path: at(w.tenant, "/aaa/fsm/x"), body: "<x/>", header: text}, 415, "must be application/json or text/plain, not application/xml"},
		{ask{method: "PUT", path: at(w.tenant, "/aaa/users/x"), body: "<x/>", header: text}, 415, "must be application/json or text/plain, not application/xml"},
		{ask{method: "POST", path: at(w.tenant, "/aaa/authn"), body: "<x/>", header: text}, 415, "must be application/json, not application/xml"},
		{ask{method: "POST", path: at(w.tenant, "/aaa/authn?trcae=true"), body: `{"data":{}}`}, 400, "did you mean trace?"},
		{ask{method: "GET", path: at(w.tenant, "/aaa/effective?op=authen")}, 400, "authn, authz, accounting, custom"},

		{ask{method: "GET", path: "/v2/accounts", unchecked: true}, 405, "not supported here, only PUT"},
		{ask{method: "GET", path: "/v2", unchecked: true}, 404, "nothing at this address: /docs describes the API"},

		// What is not there.
		{ask{method: "GET", path: system}, 404, "the system configuration has no AAA document: create it with PUT"},
		{ask{method: "GET", path: "/v1/system_configs/circlemaker"}, 404, "the system configuration has no AAA document"},
		{ask{method: "DELETE", path: system}, 404, "the system configuration has no AAA document"},
		{ask{method: "GET", path: system + "/revisions/7"}, 404, `the system configuration's AAA document has no revision \"7\"`},
		{ask{method: "GET", path: system + "/dictionary/nobody"}, 404, `there is no system dictionary \"nobody\"`},
		{ask{method: "GET", path: at(w.tenant, "/aaa/revisions/7")}, 404, `the account's AAA document has no revision \"7\"`},
		{ask{method: "POST", path: at(w.tenant, "/aaa/revisions/x"), unchecked: true}, 404, `the account's AAA document has no revision \"x\"`},
		{ask{method: "GET", path: at(w.tenant, "/aaa/fsm/night")}, 404, `the account has no state machine table \"night\"`},
		{ask{method: "POST", path: at(w.tenant, "/aaa/fsm?name=night"), body: aTable, header: plain}, 404, `the account has no state machine table \"night\"`},
		{ask{method: "DELETE", path: at(w.tenant, "/aaa/fsm/-")}, 404, `the account has no state machine table \"-\"`},
		{ask{method: "POST", path: at(w.tenant, "/aaa/fsm/night/simulate"), body: `{"data":{"request":"AUTHEN"}}`}, 404, `neither the account nor one above it that the token reaches has a state machine table \"night\"`},
		{ask{method: "GET", path: at(w.tenant, "/aaa/users/night")}, 404, `the account has no users file \"night\"`},
		{ask{method: "DELETE", path: at(w.tenant, "/aaa/users/night")}, 404, `the account has no users file \"night\"`},
		{ask{method: "GET", path: at(w.tenant, "/aaa/dictionary/night")}, 404, `the account has no dictionary \"night\"`},
		{ask{method: "POST", path: at(w.tenant, "/aaa/dictionary"), body: `{"data":{"name":"night","value":[]}}`}, 404, `the account has no dictionary \"night\"`},
		{ask{method: "DELETE", path: at(w.tenant, "/tokens/x")}, 404, "the account has no token of this id"},
		{ask{method: "DELETE", path: at(w.tenant, "/tokens/00000000000000000000000000000000")}, 404, "the account has no token of this id"},
		{ask{method: "DELETE", path: at(w.tenant, "/api_key")}, 404, "the account has no API key: make one with PUT"},
		{ask{method: "GET", path: at(w.tenant, "/aaa/users/%FF")}, 404, "names are UTF-8"},
		{ask{method: "GET", path: system, token: w.tenantToken}, 404, "the token does not reach the system configuration"},

		// What is there already.
		{ask{method: "PUT", path: at(w.tenant, "/aaa"), body: changed("********", "s3cret")}, 409, "the account has an AAA document already: replace it with POST, or change it with PATCH"},
		{ask{method: "PUT", path: at(w.tenant, "/aaa/fsm/x"), body: aTable, header: plain}, 409, `the account has a state machine table \"x\" already: replace it with POST`},
		{ask{method: "PUT", path: at(w.tenant, "/aaa/users/x"), body: "bob:!\n", header: plain}, 409, `the account has a users file \"x\" already: replace it with POST`},
		{ask{method: "PUT", path: at(w.tenant, "/aaa/dictionary?name=dictionary_x"), body: acmeText, header: plain}, 409, `the account has a dictionary \"dictionary_x\" already: replace it with POST`},
		{ask{method: "PUT", path: at(w.tenant, ""), body: `{"data":{"name":"x","id":"` + string(w.child) + `"}}`}, 409, "another account has this id already"},
		{ask{method: "DELETE", path: at(w.tenant, "")}, 409, "the account has descendants: delete or move them first"},

		// Which name, number or flag.
		{ask{method: "POST", path: at(w.tenant, "/aaa"), body: changed(`"authentication":["`, `"authentication":["moon","`)}, 400, `no server of the document is named \"moon\"`},
		{ask{method: "POST", path: at(w.tenant, "/aaa"), body: changed(`"dicts":["`, `"dicts":["moon","`)}, 400, `the account sees no dictionary named \"moon\"`},
		{ask{method: "PATCH", path: at(w.tenant, "/aaa"), body: `{"data":{"fsm":"moon"}}`}, 400, `the account sees no state machine table named \"moon\"`},
		{ask{method: "PATCH", path: at(w.tenant, "/aaa"), body: `{"data":{"realms":{"r":{"example.org":"moon"}}}}`}, 400, `accounting, custom) is named \"moon\"`},
		{ask{method: "PATCH", path: at(w.tenant, "/aaa"), body: `{"data":{}}`, header: map[string]string{"If-Match": `"7"`}}, 412, "the current one is 1"},
		{ask{method: "PUT", path: at(w.tenant, "/aaa/fsm/y"), body: `{"data":{"name":"z","states":[]}}`}, 400, `the URL has the name \"y\", the body \"z\"`},
		{ask{method: "PUT", path: at(w.tenant, "/aaa/dictionary?name=y"), body: `{"data":{"name":"z","value":[]}}`}, 400, `the query has the name \"y\", the dictionary \"z\"`},
		{ask{method: "PUT", path: at(w.tenant, "/aaa/fsm/sequential"), body: aTable, header: plain}, 409, "the built-in table sequential cannot be changed"},
		{ask{method: "POST", path: at(w.tenant, "/aaa/authn?trace=maybe"), body: `{"data":{}}`, unchecked: true}, 400, `"value":"maybe"`},
		{ask{method: "GET", path: at(w.tenant, "/tokens?filter_nte=x"), unchecked: true}, 400, "did you mean note?"},
		{ask{method: "GET", path: at(w.tenant, "/tokens?page_size=%zz"), unchecked: true}, 400, "the query cannot be read: invalid URL escape"},
		{ask{method: "POST", path: at(w.tenant, "/move"), body: `{"data":{"too":"x"}}`}, 400, "there is no such member here"},
		{ask{method: "POST", path: at(w.tenant, "/aaa/authn"), body: `{"data":{}}`, header: map[string]string{"Content-Type": "application/json; charset=utf-16"}}, 415, `the charset must be utf-8, not \"utf-16\"`},
		{ask{method: "POST", path: at(w.tenant, "/aaa/authn"), body: `{"data":{"a":1e309}}`}, 400, "its exponent from -308 to 308"},
		{ask{method: "POST", path: at(w.tenant, "/aaa/authn"), body: `{"data":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`}, 400, "at most 32 deep"},
		{ask{method: "PUT", path: at(w.tenant, "/tokens"), body: `{"data":{"scopes":[]}}`}, 400, "must not be empty"},

		// How a request is sent.
		{ask{method: "GET", path: at(w.tenant, ""), token: "aaa_unknown"}, 401, "invalid credentials"},
		{ask{method: "POST", path: at(w.tenant, "/aaa/authn"), body: `[]`, unchecked: true}, 400, `the body must be an object: {\"data\"`},
		{ask{method: "POST", path: at(w.tenant, "/aaa/authn"), unchecked: true}, 400, `the body must be {\"data\"`},
		{ask{method: "POST", path: at(w.tenant, "/aaa/authn"), body: `{"data":5}`, unchecked: true}, 400, "must be an object"},
		{ask{method: "POST", path: at(w.tenant, "/aaa/authn"), body: `{"data":{}}`, header: map[string]string{"Content-Encoding": "gzip"}}, 415, `without a Content-Encoding, not as \"gzip\"`},
		{ask{method: "PATCH", path: at(w.tenant, "/aaa"), body: `{"data":{}}`, header: map[string]string{"If-Match": `"7`}}, 400, `must be \"*\" or quoted entity tags`},
		{ask{method: "POST", path: at(w.tenant, "/aaa/authn"), body: `{"data":{}}`, header: map[string]string{"If-Match": `"7"`}, unchecked: true}, 400, "this operation takes no If-Match"},
		{ask{method: "PUT", path: at(w.tenant, "/aaa/fsm/-x"), body: aTable, header: plain}, 400, "must be 1 to 64 letters, digits or _.-"},
		{ask{method: "PUT", path: at(w.tenant, "/tokens"), body: `{"data":{"scopes":["read","request"]}}`, token: writeOnly}, 403, "a token gives no scope that it lacks: read"},
		{ask{method: "POST", path: at(w.child, "/aaa/revisions/2")}, 409, "revision 2 is a deletion: use DELETE"},
		{ask{method: "POST", path: at(w.tenant, "/aaa/authn?trace=1"), body: `{"data":{}}`, unchecked: true}, 400, "must be true or false"},
	} {
		if c.a.token == "" {
			c.a.token = w.rootToken
		}
		if r := w.do(c.a); r.status != c.status || !strings.Contains(r.text, c.says) {
			t.Errorf("%s %s: %d, want %d with %q: %s", c.a.method, c.a.path, r.status, c.status, c.says, r.text)
		}
	}
}
