package httpapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/fsm"
	"aaa-api/internal/store"
	"aaa-api/internal/token"
	"aaa-api/internal/web"
)

// aTable is written as nobody would format it, to find out whether it comes back as it was sent.
const aTable = "# One server after the other.\n%FSMID  one\n\nStart:\n *.+AUTHEN.ACK\tradius   Wait\r\n" +
	"Wait:\n\t*.RADIUS.ACK REPLY End\n\t*.RADIUS.NAK REPLY End\n\t*.RADIUS.ERROR RADIUS Same\n" +
	"# None is left.\n\t*.RADIUS.RC1 REPLY End\n\t*.*.TIMEOUT TIMEOUT End\nEnd:\n"

const aTableInJSON = `{"id":"one","states":[{"name":"Start","lines":[
{"state":"*","action":"+AUTHEN","event":"ACK","do":"RAD2RAD","next":"Wait","xvalue":1,"xstring":"authentication"}]},
{"name":"Wait","comments":["The first answer counts."],"lines":[
{"state":"*","action":"RAD2RAD","event":"ACK","do":"REPLY","next":"End"},
{"state":"*","action":"*","event":"NAK","do":"REPLY","next":"End"},
{"state":"*","action":"*","event":"ERROR","do":"REPLY","next":"End"},
{"state":"*","action":"*","event":"RC1","do":"REPLY","next":"End"}]}]}`

// read gets something in the form that Accept asks for; more are further headers, in pairs.
func (w *world) read(path, accept string, more ...string) reply {
	w.t.Helper()
	header := map[string]string{"Accept": accept}
	for i := 0; i < len(more); i += 2 {
		header[more[i]] = more[i+1]
	}
	return w.do(ask{method: "GET", path: path, token: w.tenantToken, header: header})
}

// sameJSON compares members of two answers.
func sameJSON(t *testing.T, a, b any) {
	t.Helper()
	if !reflect.DeepEqual(a, b) {
		t.Errorf("%v\nis not\n%v", a, b)
	}
}

func TestTablesAsText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := at(w.tenant, "/aaa/fsm")
	made := w.upload("PUT", base+"?name=one", aTable).want(201)
	if made.str("data", "id") != "one" || made.str("data", "owner") != string(w.tenant) || made.at("data", "states", "1", "lines", "4", "event") != "TIMEOUT" {
		t.Errorf("%s", made.text)
	}
	path := made.header.Get("Location")
	sameJSON(t, w.call(w.tenantToken, "GET", path, "").want(200).at("data"), made.at("data"))

	tags := map[string]string{"application/json": `"1"`, "text/plain": `"1-text"`, "text/vnd.graphviz": `"1-graphviz"`, "text/vnd.mermaid": `"1-mermaid"`}
	begins := map[string]string{"application/json": "{", "text/plain": aTable, "text/vnd.graphviz": "digraph", "text/vnd.mermaid": "stateDiagram-v2"}
	for form, tag := range tags {
		got := w.read(path, form).want(200)
		if got.header.Get("Etag") != tag || got.header.Get("Vary") != "Accept" || !strings.HasPrefix(got.header.Get("Content-Type"), form) {
			t.Errorf("%s has the header %v", form, got.header)
		}
		if !strings.Contains(got.text, begins[form]) || form == "text/plain" && got.text != aTable {
			t.Errorf("%s is %s", form, got.text)
		}
		for other, tag := range tags {
			want := 200
			if other == form {
				want = http.StatusNotModified
			}
			w.read(path, form, "If-None-Match", tag).want(want)
		}
	}

	w.upload("PUT", base+"?name=one", aTable).refused(409, web.SlugConflict)
	w.upload("PUT", base+"/one", aTable).refused(409, web.SlugConflict)
	w.upload("PUT", base+"/other", aTable).want(201)
	w.upload("POST", base+"?name=one", strings.Replace(aTable, "one", "two", 1)).want(200)
	w.upload("POST", base+"/nobody", aTable).refused(404, web.SlugIdentifier)
	w.upload("POST", base+"?name=nobody", aTable).refused(404, web.SlugIdentifier)
	conditional := func(method, tag string) reply {
		t.Helper()
		return w.do(ask{method: method, path: path, token: w.tenantToken, body: aTable, header: map[string]string{"Content-Type": "text/plain", "If-Match": tag}})
	}
	conditional("POST", `"1"`).refused(412, "precondition_failed")
	conditional("DELETE", `"1"`).refused(412, "precondition_failed")
	if got := conditional("POST", `"2-mermaid"`).want(200); got.str("revision") != "3" || got.header.Get("Etag") != `"3"` {
		t.Errorf("%s", got.text)
	}

	list := w.call(w.tenantToken, "GET", base+"?page_size=1", "").want(200)
	if list.str("data", "0", "name") != "one" || list.at("data", "0", "revision") != 3.0 || list.at("data", "0", "states") != nil || list.str("next_start_key") != "other" {
		t.Errorf("%s", list.text)
	}
	if list := w.call(w.tenantToken, "GET", base+"?start_key=other&filter_name=other", "").want(200); list.at("data", "0", "name") != "other" {
		t.Errorf("%s", list.text)
	}
	conditional("DELETE", `"3"`).want(200)
	w.read(path, "text/plain").refused(404, web.SlugIdentifier)
}

// What is written as JSON is read as text that means the same, and what was read can be written back.
func TestTablesAsJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := at(w.tenant, "/aaa/fsm")
	made := w.call(w.tenantToken, "PUT", base, data(`{"name":"race2",`+aTableInJSON[1:])).want(201)
	text := w.read(base+"/race2", "text/plain").want(200).text
	if !strings.Contains(text, "%FSMID one") || !strings.Contains(text, "# The first answer counts.") || !strings.Contains(text, "Xvalue=1 Xstring=authentication") {
		t.Errorf("%s", text)
	}
	again := w.upload("PUT", base+"/again", text).want(201)
	sameJSON(t, again.at("data", "states"), made.at("data", "states"))
	w.call(w.tenantToken, "PUT", base+"/third", data(aTableInJSON)).want(201)

	whole, err := json.Marshal(w.call(w.tenantToken, "GET", base+"/race2", "").want(200).at("data"))
	ok(t, err)
	if got := w.call(w.tenantToken, "POST", base+"/race2", data(string(whole))).want(200); got.str("revision") != "2" {
		t.Errorf("%s", got.text)
	}
	w.call(w.tenantToken, "POST", base, data(string(whole))).want(200)
	for path, body := range map[string]string{"/third": string(whole), "?name=third": string(whole), "": aTableInJSON} {
		if got := w.call(w.tenantToken, "POST", base+path, data(body)).refused(400, web.SlugInvalid); got.at("data", "name") == nil {
			t.Errorf("%s: %s", path, got.text)
		}
	}
}

// A table with faults is refused with all of them, and the check finds the same ones.
func TestTableFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := at(w.tenant, "/aaa/fsm")
	bad := "Start:\n\t*.+AUTHEN.ACK\tNOTHING\tWait\n\t*.+ACCT.ACK\tAKERB\tNowhere\n\t*.*.DUP RAD2RAD Same\nWait:\n\t*.*.ACK\tREPLY\tEnd\n\t*.*\tREPLY\tEnd\nEnd:\n"
	badJSON := `{"states":[{"name":"Start","lines":[
		{"state":"*","action":"+AUTHEN","event":"ACK","do":"NOTHING","next":"Nowhere"},
		{"state":"*","action":"+ACCT","event":"NEVER","do":"REPLY","next":"End"}]}]}`
	broken := func(method, path, body string) reply {
		t.Helper()
		if body == bad {
			return w.upload(method, path, body)
		}
		return w.call(w.tenantToken, method, path, data(body))
	}
	for body, wanted := range map[string][]string{
		bad:     {"line 2", "line 3", "line 4", "line 7"},
		badJSON: {"states.0.lines.0.do", "states.0.lines.0.next", "states.0.lines.1.event"},
	} {
		found := broken("POST", base+"/check", body).want(200)
		if found.at("data", "valid") != false || found.at("data", "states").(float64) < 1 || found.at("data", "lines").(float64) < 2 {
			t.Errorf("%s", found.text)
		}
		places := make(map[string]bool)
		for _, f := range found.at("data", "errors").([]any) {
			fault := f.(map[string]any)
			if path, isJSON := fault["path"]; isJSON {
				places[path.(string)] = true
			} else {
				places[fmt.Sprintf("line %v", fault["line"])] = true
			}
		}
		for _, r := range []reply{broken("PUT", base+"/x", body), broken("POST", base+"/x", body)} {
			told := slices.Sorted(maps.Keys(r.refused(400, web.SlugInvalid).at("data").(map[string]any)))
			if !slices.Equal(told, slices.Sorted(maps.Keys(places))) {
				t.Errorf("the check finds faults at %v, the write at %v", places, told)
			}
			for _, place := range wanted {
				if !slices.Contains(told, place) {
					t.Errorf("no fault at %s: %s", place, r.text)
				}
			}
		}
	}
	good := w.upload("POST", base+"/check", aTable).want(200)
	if good.at("data", "valid") != true || good.at("data", "states") != 2.0 || good.at("data", "lines") != 6.0 {
		t.Errorf("%s", good.text)
	}
	// Two faults of the same rule on one line are both told.
	twice := w.upload("PUT", base+"/x", "Start:\n\t*.NIX.ACK\tNADA\tEnd\nEnd:\n").refused(400, web.SlugInvalid).text
	if !strings.Contains(twice, "NIX") || !strings.Contains(twice, "NADA") {
		t.Errorf("%s", twice)
	}
	w.upload("PUT", base+"/x", "").refused(400, web.SlugInvalid)
	for _, text := range []string{"# nothing\n", "Start:\n\x00End:\n", "%FSMID \xff\n" + aTable} {
		w.upload("PUT", base+"/x", text).refused(400, web.SlugInvalid)
		if found := w.upload("POST", base+"/check", text).want(200); found.at("data", "valid") != false {
			t.Errorf("%q is a table: %s", text, found.text)
		}
	}
	w.call(w.tenantToken, "PUT", base+"/x", `{"data":[]}`).refused(400, web.SlugInvalid)
	w.call(w.tenantToken, "PUT", base+"/x", `{"data":{"states":[],"states":[]}}`).refused(400, web.SlugInvalid)
	w.do(ask{method: "PUT", path: base + "/x", token: w.tenantToken, body: aTable, header: map[string]string{"Content-Type": "text/plain; charset=utf-16"}}).refused(415, "unsupported_media_type")
	w.do(ask{method: "PUT", path: base + "/x", token: w.tenantToken, body: "<a/>", header: map[string]string{"Content-Type": "text/xml"}}).refused(415, "unsupported_media_type")
	if list := w.call(w.tenantToken, "GET", base, "").want(200); list.at("data", "0") != nil {
		t.Errorf("something was stored: %s", list.text)
	}
	// What is doubtful is stored, and told.
	warned := w.upload("PUT", base+"/x", strings.Replace(aTable, "Start:", "event UNUSED\nStart:", 1)).want(201)
	if path := warned.str("warnings", "0", "path"); path != "line 4" {
		t.Errorf("%s", warned.text)
	}
}

func TestTextsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *worldOptions) { o.config.Bounds.TextBody = 1000 })
	long := strings.Repeat("# a comment\n", 80) + aTable
	for path, text := range map[string]string{"/aaa/fsm/x": long, "/aaa/fsm/check": long, "/aaa/users/x": long} {
		method := "PUT"
		if strings.HasSuffix(path, "check") {
			method = "POST"
		}
		w.upload(method, at(w.tenant, path), text).refused(413, "request_too_large")
		w.call(w.tenantToken, method, at(w.tenant, path), `{"data":{"text":"`+strings.Repeat("x", 8000)+`"}}`).refused(413, "request_too_large")
	}
	comments, err := json.Marshal(strings.Split(long, "\n")[:80])
	ok(t, err)
	wide := aTableInJSON
	wide = wide[:len(wide)-1] + `,"comments":` + string(comments) + `}`
	if got := w.call(w.tenantToken, "PUT", at(w.tenant, "/aaa/fsm/x"), data(wide)).refused(400, web.SlugInvalid); got.at("data", "table", "too_long") == nil {
		t.Errorf("%s", got.text)
	}
	w.call(w.tenantToken, "PUT", at(w.tenant, "/aaa/users/x"), data(`{"text":"`+strings.Repeat("#", 1001)+`"}`)).refused(400, web.SlugInvalid)
}

// Built-in tables are read through every account and written through none.
func TestBuiltInTables(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := at(w.tenant, "/aaa/fsm")
	list := w.call(w.tenantToken, "GET", base+"?system=true", "").want(200).at("data").([]any)
	if len(list) != len(fsm.BuiltIns()) || len(list) == 0 {
		t.Fatalf("%v", list)
	}
	for _, entry := range list {
		b := entry.(map[string]any)
		name := b["name"].(string)
		text, _ := fsm.BuiltIn(name)
		if b["title"] == "" || b["owner"] != string(aaa.SystemConfig) {
			t.Errorf("%v", b)
		}
		if got := w.read(base+"/"+name, "text/plain").want(200); got.text != text || got.header.Get("Etag") != "" {
			t.Errorf("%s: %s", name, got.text)
		}
		whole := w.read(base+"/"+name, "application/json").want(200)
		sameJSON(t, whole.at("data", "title"), b["title"])
		for form, word := range map[string]string{"text/vnd.graphviz": "digraph", "text/vnd.mermaid": "stateDiagram"} {
			if got := w.read(base+"/"+name, form).want(200); !strings.Contains(got.text, word) {
				t.Errorf("%s", got.text)
			}
		}
		w.upload("PUT", base+"?name="+name, aTable).refused(409, web.SlugConflict)
		w.upload("PUT", base+"/"+name, aTable).refused(409, web.SlugConflict)
		w.upload("POST", base+"/"+name, aTable).refused(409, web.SlugConflict)
		w.call(w.tenantToken, "DELETE", base+"/"+name, "").refused(409, web.SlugConflict)
	}
	// The word that the URL needs for something else.
	w.upload("PUT", base+"?name=check", aTable).refused(400, web.SlugInvalid)
	w.call(w.tenantToken, "GET", base+"/check", "").refused(404, web.SlugIdentifier)
	w.do(ask{method: "PUT", path: base + "/check", token: w.tenantToken, body: data(aTableInJSON), unchecked: true}).refused(400, web.SlugInvalid)
	w.do(ask{method: "DELETE", path: base + "/check", token: w.tenantToken, unchecked: true}).refused(400, web.SlugInvalid)
	for _, name := range []string{"-x", strings.Repeat("x", 65), "a%20b", "a%2Fb"} {
		w.upload("PUT", base+"?name="+name, aTable).refused(400, web.SlugInvalid)
		w.upload("PUT", at(w.tenant, "/aaa/users/"+name), aUsersFile).refused(400, web.SlugInvalid)
		w.call(w.tenantToken, "GET", base+"/"+name, "").refused(404, web.SlugIdentifier)
		w.call(w.tenantToken, "DELETE", base+"/"+name, "").refused(404, web.SlugIdentifier)
	}
	w.upload("PUT", base, aTable).refused(400, web.SlugInvalid)
}

// A table that documents name, inherited or own, stays.
func TestTableInUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := at(w.tenant, "/aaa/fsm/one")
	w.upload("PUT", path, aTable).want(201)
	w.call(w.tenantToken, "PUT", at(w.child, "/aaa"), data(strings.Replace(aDocument, `{"aaa_mode"`, `{"fsm":{"authn":"one"},"aaa_mode"`, 1))).want(201)
	if got := w.call(w.tenantToken, "DELETE", path, "").refused(409, web.SlugConflict); got.at("data", "fsm", "in_use", "target", "0") != string(w.child) {
		t.Errorf("%s", got.text)
	}
	w.upload("POST", path, aTable).want(200)
	w.call(w.tenantToken, "DELETE", at(w.child, "/aaa"), "").want(200)
	w.call(w.tenantToken, "DELETE", path, "").want(200)
}

func TestSimulate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.upload("PUT", at(w.tenant, "/aaa/fsm/one"), aTable).want(201)
	script := `{"request":"AUTHEN","arrives":[{"action":"RADIUS","event":"ERROR"},{"action":"RADIUS","event":"ACK"}]}`
	for _, id := range []aaa.AccountID{w.tenant, w.child} { // own and inherited
		walk := w.call(w.tenantToken, "POST", at(id, "/aaa/fsm/one/simulate"), data(script)).want(200)
		if walk.at("data", "ended") != true || walk.str("data", "replied") != "ACK" || walk.at("data", "steps", "0", "line") != 5.0 || walk.str("data", "steps", "1", "action") != "RADIUS" {
			t.Errorf("%s", walk.text)
		}
	}
	// A walk tells what is in the table: it takes a token that may read it.
	w.call(w.token(w.child, token.Scopes()...), "POST", at(w.child, "/aaa/fsm/one/simulate"), data(script)).refused(404, web.SlugIdentifier)
	// The nearest one of a name counts.
	w.upload("PUT", at(w.child, "/aaa/fsm/one"), strings.Replace(aTable, "ERROR RADIUS Same", "ERROR REPLY End", 1)).want(201)
	if walk := w.call(w.tenantToken, "POST", at(w.child, "/aaa/fsm/one/simulate"), data(script)).want(200); walk.str("data", "replied") != "ERROR" {
		t.Errorf("%s", walk.text)
	}
	if walk := w.call(w.tenantToken, "POST", at(w.child, "/aaa/fsm/sequential/simulate"), data(script)).want(200); walk.str("data", "replied") != "ACK" {
		t.Errorf("%s", walk.text)
	}
	for _, id := range []aaa.AccountID{w.root, w.sibling} { // nothing is inherited upwards or sideways
		w.call(w.rootToken, "POST", at(id, "/aaa/fsm/one/simulate"), data(script)).refused(404, web.SlugIdentifier)
	}
	w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/fsm/nobody/simulate"), data(script)).refused(404, web.SlugIdentifier)
	for place, bad := range map[string]string{
		"request":          `{"request":"LUNCH"}`,
		"answers.0.action": `{"request":"AUTHEN","answers":[{"action":"COOK","answer":"ACK"}]}`,
		"arrives.1.event":  `{"request":"AUTHEN","arrives":[{"event":"DUP"},{"action":"RADIUS","event":"DINNER"}]}`,
		"json":             `{"request":"AUTHEN","colour":1}`,
	} {
		if got := w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/fsm/one/simulate"), data(bad)).refused(400, web.SlugInvalid); got.at("data", place) == nil {
			t.Errorf("no fault at %s: %s", place, got.text)
		}
	}
}

// A stored table that this version of the service can't use is still there to be read and replaced.
func TestTableOfAnotherVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := strings.Replace(aTable, "radius ", "NO_MORE ", 1)
	_, err := w.store.Texts().Create(t.Context(), store.Text{Account: w.tenant, Kind: store.TextFSM, Name: "old", Body: old})
	ok(t, err)
	path := at(w.tenant, "/aaa/fsm/old")
	if got := w.read(path, "text/plain").want(200); got.text != old {
		t.Errorf("%s", got.text)
	}
	w.read(path, "application/json").want(200)
	if got := w.read(path, "text/vnd.mermaid").refused(409, web.SlugConflict); got.at("data", "line 5") == nil {
		t.Errorf("%s", got.text)
	}
	w.call(w.tenantToken, "POST", path+"/simulate", data(`{"request":"AUTHEN"}`)).refused(409, web.SlugConflict)
	w.upload("POST", path, aTable).want(200)
}
