package httpapi

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/web"
)

// Limits and networks of an account are written by those above it, and by nobody else.
func TestBoundsAreSetFromAbove(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	set := `{"limits":{"tokens":7,"requests_per_second":null},"server_networks":["127.0.0.0/8","10.1.2.3","fd00::/8"]}`
	r := w.call(w.rootToken, "PATCH", at(w.tenant, ""), data(set)).want(200)
	shown := func(r reply) {
		t.Helper()
		if !strings.Contains(r.text, `"limits":{"tokens":7},"server_networks":["127.0.0.0/8","10.1.2.3/32","fd00::/8"]`) {
			t.Errorf("%s", r.text)
		}
	}
	shown(r)
	shown(w.call(w.tenantToken, "GET", at(w.tenant, ""), "").want(200))

	own := at(w.tenant, "")
	for _, body := range []string{
		`{"limits":{"tokens":8}}`, `{"limits":null}`, `{"limits":{"tokens":null}}`, `{"limits":{"sessions":1}}`,
		`{"server_networks":null}`, `{"server_networks":[]}`, `{"server_networks":["127.0.0.1"]}`, `{"server_networks":["0.0.0.0/0"]}`,
	} {
		w.call(w.tenantToken, "PATCH", own, data(body)).refused(403, web.SlugForbidden)
	}
	for _, body := range []string{`{"name":"tenant","limits":{}}`, `{"name":"tenant","server_networks":[]}`} {
		w.call(w.tenantToken, "POST", own, data(body)).refused(403, web.SlugForbidden)
	}
	shown(w.call(w.tenantToken, "GET", own, "").want(200))
	// Its own token changes the rest, and may send back what it read.
	shown(w.call(w.tenantToken, "POST", own, data(`{"name":"renamed"}`)).want(200))
	shown(w.call(w.tenantToken, "PATCH", own, data(`{"name":"again"}`)).want(200))
	_, rest, _ := strings.Cut(w.call(w.tenantToken, "GET", own, "").want(200).text, `{"data":`)
	body, _, _ := strings.Cut(rest, `,"request_id"`)
	shown(w.call(w.tenantToken, "POST", own, data(body)).want(200))

	// A tenant sets those of the accounts below it: any limit, and networks that it has.
	w.call(w.tenantToken, "PATCH", at(w.child, ""), data(`{"limits":{"tokens":3},"server_networks":["127.0.0.1"]}`)).want(200)
	for _, network := range []string{"10.0.0.0/8", "0.0.0.0/0", "192.168.1.1", "::/0"} {
		body := `{"name":"x","server_networks":["127.0.0.1","` + network + `"]}`
		for _, r := range []reply{w.call(w.tenantToken, "POST", at(w.child, ""), data(body)), w.call(w.tenantToken, "PUT", own, data(body))} {
			r.refused(400, web.SlugInvalid)
			if !strings.Contains(r.text, `"server_networks.1":{"granted"`) {
				t.Errorf("%s", r.text)
			}
		}
	}
	made := w.call(w.tenantToken, "PUT", "/v2/accounts", data(`{"name":"y","limits":{"tables":0},"server_networks":["fd00::1"]}`)).want(201)
	if made.at("data", "limits", "tables") != 0.0 || made.at("data", "server_networks", "0") != "fd00::1/128" {
		t.Errorf("%s", made.text)
	}
	r = w.call(w.tenantToken, "PATCH", at(w.child, ""), data(`{"limits":{"tokens":8,"tables":5}}`)).want(200)
	if r.at("warnings", "0", "path") != "limits.tokens" || r.at("warnings", "0", "rule") != "capped" || r.at("warnings", "1") != nil {
		t.Errorf("%s", r.text)
	}
	childToken := w.token(w.child, "read", "write")
	if r := w.call(childToken, "PATCH", at(w.child, ""), data(`{"name":"mine"}`)).want(200); r.at("warnings") != nil || strings.Contains(r.text, "has 7") {
		t.Errorf("%s", r.text)
	}
	r = w.call(w.tenantToken, "PUT", "/v2/accounts", data(`{"name":"z","limits":{"tokens":8}}`)).want(201)
	if !strings.Contains(r.str("warnings", "0", "message"), string(w.tenant)+", has 7") {
		t.Errorf("%s", r.text)
	}
	// Who is above and leaves them out of a replacement removes them.
	if r := w.call(w.rootToken, "POST", own, data(`{"name":"tenant"}`)).want(200); strings.Contains(r.text, "limits") || strings.Contains(r.text, "networks") {
		t.Errorf("%s", r.text)
	}
	// The limits of the root account are the defaults of all others: its own token sets them. Its networks are everything.
	w.call(w.rootToken, "PATCH", at(w.root, ""), data(`{"limits":{"tokens":9}}`)).want(200)
	r = w.call(w.rootToken, "PATCH", at(w.root, ""), data(`{"server_networks":["10.0.0.0/8"]}`))
	r.refused(403, web.SlugForbidden)
	if !strings.Contains(r.text, "the root account has all networks") {
		t.Errorf("%s", r.text)
	}
}

func TestBadBounds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for body, path := range map[string]string{
		`{"limits":{"toknes":1}}`:                       `"limits.toknes":{"unknown":{"message":"is not a limit; did you mean tokens?"`,
		`{"limits":{"tokens":-1}}`:                      `"limits.tokens":{"minimum"`,
		`{"limits":{"tokens":"many"}}`:                  `"limits.tokens":{"type"`,
		`{"limits":{"tokens":1.5}}`:                     `"limits.tokens":{"type"`,
		`{"limits":{"tokens":100001}}`:                  `"limits.tokens":{"maximum":{"message":"must be at most 100000","target":100000,"value":100001}`,
		`{"limits":{"tokens":9223372036854775808}}`:     `"limits.tokens":{"maximum"`,
		`{"limits":[]}`:                                 `"limits":{"type"`,
		`{"server_networks":"10.0.0.0/8"}`:              `"server_networks":{"type"`,
		`{"server_networks":["10.0.0.0/33"]}`:           `"server_networks.0":{"pattern"`,
		`{"server_networks":["10.0.0.1/8"]}`:            `write 10.0.0.0/8`,
		`{"server_networks":["::ffff:127.0.0.1"]}`:      `must be written as IPv4`,
		`{"server_networks":["::ffff:127.0.0.0/104"]}`:  `must be written as IPv4`,
		`{"server_networks":["fe80::1%eth0"]}`:          `"server_networks.0":{"pattern"`,
		`{"server_networks":["radius.example.org"]}`:    `"server_networks.0":{"pattern"`,
		`{"server_networks":["127.0.0.1","127.0.0.1"]}`: `"server_networks":{"uniqueItems"`,
		`{"server_networks":[` + strings.TrimSuffix(strings.Repeat(`"::1/128",`, 65), ",") + `]}`: `"server_networks":{"maxItems"`,
	} {
		r := w.call(w.rootToken, "PATCH", at(w.tenant, ""), data(body))
		r.refused(400, web.SlugInvalid)
		if !strings.Contains(r.text, path) {
			t.Errorf("%.100s: %s", body, r.text)
		}
	}
}

// docs/limits.md shows the limits as they are.
func TestDocsHaveTheLimits(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/limits.md")
	ok(t, err)
	want := "| limit | bounds | default | at most |\n|---|---|---|---|\n"
	for _, row := range aaa.LimitTable {
		want += fmt.Sprintf("| `%s` | %s | %d | %d |\n", row.Name, row.Unit, row.Default, row.Max)
	}
	if !strings.Contains(string(text), "\n\n"+want+"\n") {
		t.Errorf("docs/limits.md does not hold this table:\n%s", want)
	}
	overview, _, _ := strings.Cut(string(text), "\n## ")
	for _, name := range append(aaa.LimitNames(), "server_networks") {
		if !strings.Contains(overview, "`"+name+"`") {
			t.Errorf("docs/limits.md does not say whom %s protects", name)
		}
	}
}
