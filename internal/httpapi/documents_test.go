package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/document"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
)

func TestDocumentLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := at(w.tenant, "/aaa")
	call := func(method, rest, body string) reply {
		t.Helper()
		return w.call(w.tenantToken, method, path+rest, body)
	}

	for _, method := range []string{"GET", "POST", "PATCH", "DELETE"} {
		body := ""
		if method != "GET" {
			body = data(aDocument)
		}
		call(method, "", body).refused(404, web.SlugIdentifier)
	}
	made := call("PUT", "", data(aDocument)).want(201)
	if made.header.Get("Etag") != `"1"` || made.str("revision") != "1" || made.header.Get("Location") != path {
		t.Errorf("%v %s", made.header, made.text)
	}
	call("PUT", "", data(aDocument)).refused(409, web.SlugConflict)
	patched := call("PATCH", "", data(`{"workers":6,"custom":null,"x-note":{"a":1}}`)).want(200)
	if patched.at("data", "custom") != nil || patched.at("data", "workers") != 6.0 || patched.at("data", "x-note", "a") != 1.0 || patched.str("revision") != "2" {
		t.Errorf("%s", patched.text)
	}
	call("DELETE", "", "").want(200)
	call("GET", "", "").refused(404, web.SlugIdentifier)
	if again := call("PUT", "", data(aDocument)).want(201); again.str("revision") != "4" {
		t.Errorf("a revision is used twice: %s", again.text)
	}

	history := call("GET", "/revisions?page_size=3", "").want(200)
	if history.at("data", "0", "revision") != 4.0 || history.at("data", "1", "deleted") != true || history.str("next_start_key") != "1" {
		t.Errorf("%s", history.text)
	}
	if r := call("GET", "/revisions?start_key=1", "").want(200); r.at("data", "0", "revision") != 1.0 || r.at("next_start_key") != nil {
		t.Errorf("%s", r.text)
	}
	if r := call("GET", "/revisions?filter_deleted=true", "").want(200); r.at("data", "0", "revision") != 3.0 || r.at("data", "1") != nil {
		t.Errorf("%s", r.text)
	}
	call("GET", "/revisions?start_key=x", "").refused(400, web.SlugInvalid)
	if r := call("GET", "/revisions/2", "").want(200); r.at("data", "workers") != 6.0 {
		t.Errorf("%s", r.text)
	}
	if r := call("GET", "/revisions/3", "").want(200); r.at("data") != nil {
		t.Errorf("%s", r.text)
	}
	for _, n := range []string{"0", "-1", "+1", "9", "x", "99999999999999999999"} {
		w.do(ask{method: "GET", path: path + "/revisions/" + n, token: w.tenantToken}).refused(404, web.SlugIdentifier)
	}
	call("POST", "/revisions/3", "").refused(409, web.SlugConflict)
	if r := call("POST", "/revisions/2", "").want(200); r.str("revision") != "5" || r.at("data", "workers") != 6.0 {
		t.Errorf("%s", r.text)
	}
	call("DELETE", "", "").want(200)
	if r := call("POST", "/revisions/1", "").want(201); r.str("revision") != "7" || r.at("data", "workers") != 5.0 {
		t.Errorf("%s", r.text)
	}
}

// TestPatchedDocumentsStayWritable: what patches make of a document may be no longer than what can be sent.
// What was learnt of servers stands beside the document: what was read can be written back.
func TestLearnt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	path := at(w.tenant, "/aaa")
	if r := w.call(w.tenantToken, "GET", path, "").want(200); r.at("learnt") != nil {
		t.Errorf("of servers that were not used: %s", r.text)
	}
	w.call(w.tenantToken, "POST", path+"/authn", data(`{"User-Name":"bob","User-Password":"sesame"}`)).want(200)
	r := w.call(w.tenantToken, "GET", path, "").want(200)
	server := r.str("data", "servers", "0", "name")
	if r.at("learnt", server, "message_authenticator", "accept") != "required" || r.at("data", "servers", "0", "learnt") != nil {
		t.Errorf("%s", r.text)
	}
	read, err := json.Marshal(r.at("data"))
	if err != nil {
		t.Fatal(err)
	}
	w.call(w.tenantToken, "POST", path, data(string(read))).want(200)
	if r := w.call(w.tenantToken, "GET", path, "").want(200); r.at("learnt") == nil {
		t.Errorf("forgotten by an edit that changes nothing: %s", r.text)
	}
	w.call(w.tenantToken, "POST", path, `{"data":`+string(read)+`,"learnt":{}}`).refused(400, web.SlugInvalid)
}

func TestPatchedDocumentsStayWritable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{at(w.tenant, "/aaa"), "/v2/system_configs/circlemaker"} {
		call := func(method, body string) reply {
			t.Helper()
			return w.call(w.rootToken, method, path, data(body))
		}
		call("PUT", aDocument).want(201)
		part := strings.Repeat("<", 20_000) + strings.Repeat("x", 180_000) // escaped, the first would be 120,000 octets
		call("PATCH", `{"x-a":"`+part+`"}`).want(200)
		r := call("PATCH", `{"x-b":"`+part+`"}`).refused(413, web.SlugTooLarge)
		if !strings.Contains(r.str("data", "message"), "262144") {
			t.Errorf("%s", r.text)
		}
		call("PATCH", `{"x-a":null,"x-b":"`+part+`"}`).want(200)
		var read struct{ Data json.RawMessage }
		ok(t, json.Unmarshal([]byte(w.call(w.rootToken, "GET", path, "").want(200).text), &read))
		call("POST", string(read.Data)).want(200)
		// To the octet: {"data":…} of the limit is taken both ways, of one more neither way.
		room := 256<<10 - len(data(string(read.Data)))
		call("PATCH", `{"x-b":"`+part+strings.Repeat("y", room)+`"}`).want(200)
		call("PATCH", `{"x-b":"`+part+strings.Repeat("y", room+1)+`"}`).refused(413, web.SlugTooLarge)
		ok(t, json.Unmarshal([]byte(w.call(w.rootToken, "GET", path, "").want(200).text), &read))
		call("POST", string(read.Data)).want(200)
		call("POST", strings.Replace(string(read.Data), "yyy", "yyyy", 1)).refused(413, web.SlugTooLarge)
	}
}

// Secrets are kept by the server's name, through every way of writing.
func TestSecretsAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := at(w.tenant, "/aaa")
	w.document(w.tenant)
	sealed := func() string {
		t.Helper()
		d, err := w.store.Documents().Get(t.Context(), w.tenant)
		ok(t, err)
		if strings.Contains(string(d.Body), "sesame") {
			t.Fatal("a secret is stored in the clear")
		}
		_, after, found := strings.Cut(string(d.Body), `"sealed:`)
		if !found {
			t.Fatalf("no sealed secret in %s", d.Body)
		}
		text, _, _ := strings.Cut(after, `"`)
		return text
	}
	first := sealed()
	w.call(w.tenantToken, "PATCH", path, data(`{"workers":6}`)).want(200)
	same := sealed()
	w.call(w.tenantToken, "POST", path, data(strings.Replace(aDocument, "sesame-open-up", aaa.Mask, 1))).want(200)
	if sealed() != first || same != first {
		t.Error("the secret was not kept")
	}
	w.call(w.tenantToken, "POST", path, data(strings.Replace(aDocument, "sesame-open-up", "sesame-two", 1))).want(200)
	if sealed() == first {
		t.Error("the secret was not changed")
	}
	// Nothing to keep: a server of another name, a new document.
	renamed := strings.ReplaceAll(strings.Replace(aDocument, "sesame-open-up", aaa.Mask, 1), "server1", "server2")
	w.call(w.tenantToken, "POST", path, data(renamed)).refused(400, web.SlugInvalid)
	w.call(w.tenantToken, "PUT", at(w.child, "/aaa"), data(strings.Replace(aDocument, "sesame-open-up", aaa.Mask, 1))).refused(400, web.SlugInvalid)
	w.call(w.tenantToken, "POST", path+"/revisions/1", "").want(200)
	if sealed() != first {
		t.Error("the roll back did not bring its secret back")
	}
	for _, p := range []string{"", "/revisions/1", "/effective?op=authn"} {
		if r := w.call(w.tenantToken, "GET", path+p, "").want(200); strings.Contains(r.text, "sealed:") || strings.Contains(r.text, "sesame") {
			t.Errorf("%s shows a secret: %s", p, r.text)
		}
	}
	if strings.Contains(w.log.String(), "sesame") {
		t.Error("a secret is in the log")
	}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	dictionary := w.call(w.tenantToken, "PUT", at(w.tenant, "/aaa/dictionary"), data(fmt.Sprintf(aDictionary, "d"))).want(201).str("data", "id")
	victim := w.account("victim", w.tenant)
	with := func(method, path, name, value, body string) reply {
		t.Helper()
		return w.do(ask{method: method, path: path, token: w.tenantToken, body: body, header: map[string]string{name: value}})
	}
	for path, body := range map[string]string{
		at(w.tenant, "/aaa"):                        data(aDocument),
		at(w.tenant, "/aaa/dictionary/"+dictionary): data(fmt.Sprintf(aDictionary, "d")),
		at(victim, ""):                              data(`{"name":"victim"}`),
	} {
		with("GET", path, "If-None-Match", `"1"`, "").want(http.StatusNotModified)
		with("GET", path, "If-None-Match", `"7", W/"1"`, "").want(http.StatusNotModified)
		with("GET", path, "If-None-Match", `*`, "").want(http.StatusNotModified)
		with("GET", path, "If-None-Match", `"2"`, "").want(200)
		with("GET", path, "If-None-Match", `nonsense`, "").refused(400, web.SlugInvalid)
		with("POST", path, "If-Match", `"2"`, body).refused(412, "precondition_failed")
		with("POST", path, "If-Match", `W/"1"`, body).refused(412, "precondition_failed") // If-Match compares strongly
		with("POST", path, "If-Match", `"abc"`, body).refused(412, "precondition_failed")
		with("POST", path, "If-Match", `"unclosed`, body).refused(400, web.SlugInvalid)
		with("POST", path, "If-Match", ``+" ", body).refused(400, web.SlugInvalid)
		with("POST", path, "If-Match", `"1"`, body).want(200)
		with("POST", path, "If-Match", `2`, body).want(200) // a bare number
		with("POST", path, "If-Match", `"9", "3"`, body).want(200)
		with("POST", path, "If-Match", `*`, body).want(200)
		with("DELETE", path, "If-Match", `"4"`, "").refused(412, "precondition_failed")
		with("DELETE", path, "If-Match", `"5"`, "").want(200)
	}
	with("PUT", at(w.tenant, "/aaa"), "If-Match", `"1"`, data(aDocument)).refused(400, web.SlugInvalid)
	with("POST", at(w.child, "/move"), "If-Match", `"1"`, data(`{"to":"`+string(w.tenant)+`"}`)).refused(400, web.SlugInvalid)
}

// Of writers that race with the same If-Match exactly one wins; without it, none loses a write.
func TestWritersRace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	race := func(header map[string]string) []int {
		statuses := make([]int, 6)
		var wg sync.WaitGroup
		for i := range statuses {
			wg.Go(func() {
				statuses[i] = w.do(ask{
					method: "PATCH", path: at(w.tenant, "/aaa"), token: w.tenantToken, header: header,
					body: data(fmt.Sprintf(`{"x-%d":true}`, i)),
				}).status
			})
		}
		wg.Wait()
		slices.Sort(statuses)
		return statuses
	}
	if got := race(map[string]string{"If-Match": `"1"`}); !slices.Equal(got, []int{200, 412, 412, 412, 412, 412}) {
		t.Errorf("got %v", got)
	}
	if got := race(nil); !slices.Equal(got, []int{200, 200, 200, 200, 200, 200}) {
		t.Errorf("got %v", got)
	}
	d := w.call(w.tenantToken, "GET", at(w.tenant, "/aaa"), "").want(200)
	for i := range 6 {
		if d.at("data", fmt.Sprintf("x-%d", i)) != true {
			t.Errorf("the write of %d is lost: %s", i, d.text)
		}
	}
}

// Whatever is wrong with a document is told by its path, and nothing is stored.
func TestBadDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	path := at(w.tenant, "/aaa")
	for name, c := range map[string]struct{ old, new, path, rule string }{
		"port":               {`"port":1812`, `"port":70000`, "servers.0.port", "maximum"},
		"empty secret":       {`"sesame-open-up"`, `""`, "servers.0.secret", ""},
		"wrong type":         {`"workers":5`, `"workers":"5"`, "workers", "type"},
		"unknown member":     {`"workers":5`, `"workers":5,"werkers":5`, "werkers", ""},
		"regexp":             {`^(.*)$`, `^(.*$`, "authn_avp_translation.0.request_value_regexp", ""},
		"no group":           {`^(.*)$`, `^.*$`, "authn_avp_translation.0.request_value_regexp", ""},
		"no such server":     {`"authentication":["server1"]`, `"authentication":["server9"]`, "authentication.0", ""},
		"no such dictionary": {`["dictionary"]`, `["dictionary_of_nobody"]`, "servers.0.dicts.0", ""},
	} {
		for _, method := range []string{"POST", "PUT"} {
			target := path
			if method == "PUT" {
				target = at(w.child, "/aaa")
			}
			r := w.call(w.tenantToken, method, target, data(strings.Replace(aDocument, c.old, c.new, 1))).refused(400, web.SlugInvalid)
			if r.at("data", c.path) == nil || c.rule != "" && r.at("data", c.path, c.rule, "message") == nil {
				t.Errorf("%s: no fault at %s: %s", name, c.path, r.text)
			}
			if strings.Contains(r.text, "sesame") {
				t.Errorf("%s: the error shows a secret: %s", name, r.text)
			}
		}
	}
	w.call(w.tenantToken, "PATCH", path, data(`{"servers":null}`)).refused(400, web.SlugInvalid)
	w.call(w.tenantToken, "PATCH", path, data(`null`)).refused(400, web.SlugInvalid)
	if r := w.call(w.tenantToken, "GET", path, "").want(200); r.str("revision") != "1" {
		t.Errorf("something was stored: %s", r.text)
	}
	w.call(w.tenantToken, "GET", at(w.child, "/aaa"), "").refused(404, web.SlugIdentifier)
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.call(w.tenantToken, "PUT", at(w.tenant, "/aaa"), data(strings.Replace(aDocument, `"circlemaker"`, `"circlemaker","jonny5"`, 1))).want(201)
	if r.at("warnings", "0", "message") == nil {
		t.Errorf("no warning: %s", r.text)
	}
}

// With the store away, warm accounts are read and served, writes are 503.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/authn"), data(`{"User-Name":"bob"}`)).want(200)
	cold := w.token(w.sibling, "read")
	ok(t, w.store.Close())

	w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/authn"), data(`{"User-Name":"bob"}`)).want(200)
	w.call(w.tenantToken, "GET", at(w.tenant, ""), "").want(200)
	if r := w.call(w.tenantToken, "GET", at(w.tenant, "/aaa"), "").want(200); r.at("data", "servers", "0", "secret") != aaa.Mask {
		t.Errorf("%s", r.text)
	}
	w.call(w.tenantToken, "GET", "/v2/whoami", "").want(200)
	for method, body := range map[string]string{"POST": data(aDocument), "PATCH": data(`{"workers":6}`), "DELETE": ""} {
		r := w.call(w.tenantToken, method, at(w.tenant, "/aaa"), body).refused(503, web.SlugStore)
		if r.header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", method)
		}
	}
	w.call(w.tenantToken, "GET", at(w.tenant, "/tokens"), "").refused(503, web.SlugStore)
	w.call(cold, "GET", "/v2/whoami", "").refused(503, web.SlugStore)
}

// A stored document that can't be masked is an internal error and not shown.
func TestStoredNonsense(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.store.Documents().Create(t.Context(), store.Document{Account: w.tenant, Body: []byte(`["sesame"]`), Author: "x"}, nil)
	ok(t, err)
	if _, err := document.Mask([]byte(`["sesame"]`)); err == nil {
		t.Fatal("it can be masked")
	}
	if r := w.call(w.tenantToken, "GET", at(w.tenant, "/aaa"), "").refused(500, web.SlugInternal); strings.Contains(r.text, "sesame") {
		t.Errorf("%s", r.text)
	}
}
