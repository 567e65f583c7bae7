package httpapi

import (
	"strings"
	"testing"
)

// A refusal says what is wrong and what to do next.
func TestRefusalsSayWhatToDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text := map[string]string{"Content-Type": "application/xml"}
	for _, c := range []struct {
		a      ask
		status int
		says   string
	}{
		{ask{method: "GET", path: at(w.child, "/aaa")}, 404, "the account has no AAA document: create it with PUT"},
		{ask{method: "PATCH", path: at(w.child, "/aaa"), body: `{"data":{"workers":1}}`}, 404, "the account has no AAA document"},
		{ask{method: "DELETE", path: at(w.child, "/aaa")}, 404, "the account has no AAA document"},
		{ask{method: "GET", path: "/v2/system_configs/circlemaker"}, 404, "there is no system configuration: create it with PUT"},
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
	} {
		c.a.token = w.rootToken
		if r := w.do(c.a); r.status != c.status || !strings.Contains(r.text, c.says) {
			t.Errorf("%s %s: %d, want %d with %q: %s", c.a.method, c.a.path, r.status, c.status, c.says, r.text)
		}
	}
}
