package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	contract "aaa-api"
)

// spec is the contract as a node gives it.
type spec map[string]any

// resolve follows a reference.
func (s spec) resolve(v any) map[string]any {
	object, _ := v.(map[string]any)
	ref, ok := object["$ref"].(string)
	if !ok {
		return object
	}
	var at any = map[string]any(s)
	for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		object, _ := at.(map[string]any)
		at = object[part]
	}
	return s.resolve(at)
}

// prefilled is an operation as the page on /docs shows it before anything is typed.
type prefilled struct {
	id, method, path string
	body, kind       string // kind is the media type where it is not JSON
	shown            any    // the example of its answer in JSON; nil without one
}

const ndjson = "application/x-ndjson"

// methodOrder lets things be made before they are read, and read before they are deleted.
var methodOrder = []string{"put", "post", "patch", "get", "delete"}

// prefill reads the operations of the contract in the order of its pages, one method after the other.
func (s spec) prefill(t *testing.T) []prefilled {
	t.Helper()
	paths, _ := s["paths"].(map[string]any)
	order := slices.SortedFunc(maps.Keys(paths), func(a, b string) int {
		return cmp.Compare(strings.Index(string(contract.OpenAPI), "\n  "+a+":\n"), strings.Index(string(contract.OpenAPI), "\n  "+b+":\n"))
	})
	var list []prefilled
	for _, method := range methodOrder {
		for _, path := range order {
			item, _ := paths[path].(map[string]any)
			if op, ok := item[method].(map[string]any); ok {
				list = append(list, s.operation(t, method, path, op))
			}
		}
	}
	return list
}

func (s spec) operation(t *testing.T, method, path string, op map[string]any) prefilled {
	t.Helper()
	p := prefilled{id: op["operationId"].(string), method: strings.ToUpper(method), path: path}
	query := url.Values{}
	parameters, _ := op["parameters"].([]any)
	for _, v := range parameters {
		parameter := s.resolve(v)
		name, _ := parameter["name"].(string)
		value := s.valueOf(parameter)
		switch {
		case parameter["required"] == true && value == "":
			t.Errorf("%s: nothing is filled in for %s", p.id, name)
		case parameter["in"] == "path":
			p.path = strings.ReplaceAll(p.path, "{"+name+"}", value)
		case parameter["in"] == "query" && value != "":
			query.Set(name, value)
		case parameter["in"] == "header" && value != "":
			t.Errorf("%s: the header %s is filled in", p.id, name)
		}
	}
	if len(query) > 0 {
		p.path += "?" + query.Encode()
	}
	if body := s.resolve(op["requestBody"]); body != nil {
		media, _ := body["content"].(map[string]any)
		if lines, ok := media[ndjson]; ok {
			p.kind = ndjson
			p.body, _ = s.resolve(s.resolve(lines)["schema"])["example"].(string)
		} else {
			p.body = s.exampleOf(t, p.id, media["application/json"])
		}
	}
	p.shown = s.shownBy(op)
	return p
}

// shownBy is the example of an operation's success.
func (s spec) shownBy(op map[string]any) any {
	responses, _ := op["responses"].(map[string]any)
	for _, status := range []string{"200", "201"} {
		content, _ := s.resolve(responses[status])["content"].(map[string]any)
		examples, _ := s.resolve(content["application/json"])["examples"].(map[string]any)
		for _, example := range examples {
			return s.resolve(example)["value"]
		}
	}
	return nil
}

// valueOf is what the page fills in for a parameter: its example, its default, or the first value of a required choice.
func (s spec) valueOf(parameter map[string]any) string {
	schema := s.resolve(parameter["schema"])
	value := parameter["example"]
	for _, key := range []string{"example", "default"} {
		if value == nil {
			value = schema[key]
		}
	}
	if choices, ok := schema["enum"].([]any); ok && value == nil && parameter["required"] == true {
		value = choices[0]
	}
	if value == nil {
		return ""
	}
	if text, ok := value.(string); ok {
		return text
	}
	text, _ := json.Marshal(value)
	return string(text)
}

// exampleOf is the example of a body, of the operation's own or of its schema. Without one the page makes something up.
func (s spec) exampleOf(t *testing.T, id string, v any) string {
	t.Helper()
	media := s.resolve(v)
	example := media["example"]
	if example == nil {
		example = s.resolve(media["schema"])["example"]
	}
	if example == nil {
		t.Errorf("%s: the body has no example", id)
	}
	text, _ := json.Marshal(example)
	return string(text)
}

// placeholders are credentials and ids that a reader has to put in place of what is filled in: nobody else's can be printed.
// The test takes them from the answers before, as the reader would.
var placeholders = map[string]struct{ from, member string }{
	"q3Jx0Vv1mC8uYtZr5oK2bN7eLwQ4sD6fHgT9aPiUjXk": {"startSession", "sid"},
	"7d1f0c5b2e9a48c6b3f4d5e6a7b8c9d0":            {"createToken", "id"},
	"aaa_the-text-that-PUT-api_key-has-shown":     {"rotateKey", "api_key"},
}

// mayFail are the operations that do not succeed after those before them, with what they answer. They do once all has been
// deleted that can be.
var mayFail = map[string]int{
	"documentCreate": 409, // the tenant has one
	"createTable":    409, // createTableByName made it
	"systemCreate":   409, // the other address of the same document made it
	"systemDelete":   404, // and deleted it
	"deleteAccount":  409, // createChild made a child
}

// Everything on /docs can be tried as it is filled in, with the demo's data.
func TestPrefilledOperationsWork(t *testing.T) {
	t.Parallel()
	dir := migratedDir(t)
	p := start(t, dir, nil, "--demo")
	token := readToken(t, dir, "admin.token")
	var s spec
	if err := json.Unmarshal([]byte(call(t, "", "GET", p.url+"/openapi.json", "").Body), &s); err != nil {
		t.Fatal(err)
	}
	answers := make(map[string]answer)
	operations := s.prefill(t)
	first := slices.IndexFunc(operations, func(p prefilled) bool { return p.id == "apiAuth" })
	last := slices.IndexFunc(operations, func(p prefilled) bool { return p.id == "rotateKey" })
	operations[first], operations[last] = operations[last], operations[first] // the key is made before it is used
	try := func(op prefilled) answer {
		for placeholder, value := range placeholders {
			text, _ := answers[value.from].Data[value.member].(string)
			if text == "" {
				continue
			}
			op.path = strings.ReplaceAll(op.path, placeholder, text)
			op.body = strings.ReplaceAll(op.body, placeholder, text)
		}
		a := call(t, token, op.method, p.url+op.path, op.body)
		answers[op.id] = a
		return a
	}
	hold := func(op prefilled, a answer) {
		if a.Status >= 300 {
			t.Errorf("%s %s as it is filled in (%s) is answered with %d: %s", op.method, op.path, op.body, a.Status, a.Body)
		}
		var have any
		if op.shown != nil && json.Unmarshal([]byte(a.Body), &have) == nil {
			if at := unlike(op.id, op.shown, have); at != "" {
				t.Errorf("the example of the answer is unlike it at %s: %s", at, a.Body)
			}
		}
	}
	s.tryRecords(t, p.url, token, operations, hold)
	s.tryBans(t, p.url, token, operations, hold)
	for _, op := range operations {
		if slices.Contains(onRecords, op.id) || slices.Contains(onBans, op.id) {
			continue
		}
		a := try(op)
		if want := mayFail[op.id]; want == 0 {
			hold(op, a)
		} else if a.Status != want {
			t.Errorf("%s is answered with %d, want %d: %s", op.id, a.Status, want, a.Body)
		}
		if op.id == "suspendSession" { // the examples of lists show a session that goes on
			try(operations[slices.IndexFunc(operations, func(p prefilled) bool { return p.id == "openSession" })]).want(t, http.StatusOK)
		}
	}
	for _, id := range []string{"createOwnChild", "createChild"} {
		child, _ := answers[id].Data["id"].(string)
		call(t, token, "DELETE", p.url+"/v2/accounts/"+child, "").want(t, http.StatusOK)
	}
	for _, op := range operations {
		if mayFail[op.id] != 0 {
			hold(op, try(op))
		}
	}
}

// onRecords are the operations on accounting records that wait, in the order in which they are tried.
var onRecords = []string{"listRecords", "getRecord", "resendRecord", "dropRecord", "resendRecords", "dropRecords"}

// tryRecords tries them with an account whose accounting server is not there: none of the demo's records waits.
func (s spec) tryRecords(t *testing.T, url, token string, operations []prefilled, hold func(prefilled, answer)) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := conn.LocalAddr().(*net.UDPAddr).Port
	conn.Close()
	made := call(t, token, "PUT", url+"/v2/accounts", `{"data":{"name":"records"}}`).want(t, http.StatusCreated)
	account := fmt.Sprint(made.Data["id"])
	call(t, token, "PUT", url+"/v2/accounts/"+account+"/aaa", accountingDocument(port, "")).want(t, http.StatusCreated)
	for _, session := range []string{"call-1", "call-2"} {
		call(t, token, "POST", url+"/v2/accounts/"+account+"/aaa/accounting", `{"data":{"User-Name":"alice","User-Password":"wonderland",
			"Acct-Status-Type":"Stop","Acct-Session-Id":"`+session+`","Acct-Session-Time":"61"}}`).want(t, http.StatusOK).has(t, "AAA-Result", "stored")
	}
	record := ""
	for _, id := range onRecords {
		i := slices.IndexFunc(operations, func(p prefilled) bool { return p.id == id })
		if i < 0 {
			t.Fatalf("there is no operation %s", id)
		}
		op := operations[i]
		op.path = strings.NewReplacer("de300000000000000000000000000002", account, "0193784a6c5e7b21a4d0c3f2e1b09876", record).Replace(op.path)
		var a answer
		eventually(t, id+" finds no record in delivery", func() bool {
			a = call(t, token, op.method, url+op.path, op.body)
			return a.Status != http.StatusConflict
		})
		hold(op, a)
		if id == "listRecords" {
			var list struct{ Data []struct{ ID string } }
			if err := json.Unmarshal([]byte(a.Body), &list); err != nil || len(list.Data) == 0 {
				t.Fatalf("%v: %s", err, a.Body)
			}
			record = list.Data[0].ID
		}
	}
	eventually(t, "all records are dropped", func() bool {
		call(t, token, "DELETE", url+"/v2/accounts/"+account+"/aaa/spool?all=true", "").want(t, http.StatusOK)
		return call(t, token, "DELETE", url+"/v2/accounts/"+account, "").Status == http.StatusOK
	})
}

// onBans are the operations on bans, in the order in which they are tried.
var onBans = []string{"addBan", "listBans", "liftBan", "addBan", "liftBansOfValue"}

// tryBans tries them with an account whose document bans: that of the demo does not.
func (s spec) tryBans(t *testing.T, url, token string, operations []prefilled, hold func(prefilled, answer)) {
	t.Helper()
	made := call(t, token, "PUT", url+"/v2/accounts", `{"data":{"name":"bans"}}`).want(t, http.StatusCreated)
	account := fmt.Sprint(made.Data["id"])
	document := strings.Replace(accountingDocument(1, ""), `{"data":{`, `{"data":{"bans":{"by":["Calling-Station-Id"]},`, 1)
	call(t, token, "PUT", url+"/v2/accounts/"+account+"/aaa", document).want(t, http.StatusCreated)
	ban := ""
	for _, id := range onBans {
		op := operations[slices.IndexFunc(operations, func(p prefilled) bool { return p.id == id })]
		op.path = strings.NewReplacer("de300000000000000000000000000002", account, "5f0c3a52c1d64e0e9a44b1a1d2f3c4b5", ban).Replace(op.path)
		var a answer
		eventually(t, id+" finds the ban that was added", func() bool {
			a = call(t, token, op.method, url+op.path, op.body)
			return id != "listBans" || strings.Contains(a.Body, ban)
		})
		hold(op, a)
		if id == "addBan" {
			ban, _ = a.Data["id"].(string)
		}
	}
	call(t, token, "DELETE", url+"/v2/accounts/"+account, "").want(t, http.StatusOK)
}

// unlike is where an example differs from an answer: in the members that there are, or in their types. Of a list the
// example shows some elements, each like one of the answer's. It is empty where nothing differs.
func unlike(at string, example, answer any) string {
	switch example := example.(type) {
	case map[string]any:
		have, ok := answer.(map[string]any)
		if !ok || !slices.Equal(slices.Sorted(maps.Keys(example)), slices.Sorted(maps.Keys(have))) {
			return at
		}
		for name, v := range example {
			if place := unlike(at+"."+name, v, have[name]); place != "" {
				return place
			}
		}
		return ""
	case []any:
		have, ok := answer.([]any)
		if !ok || (len(example) == 0) != (len(have) == 0) {
			return at
		}
		for i, v := range example {
			place := fmt.Sprintf("%s.%d", at, i)
			if !slices.ContainsFunc(have, func(h any) bool { return unlike(place, v, h) == "" }) {
				return place
			}
		}
		return ""
	}
	if reflect.TypeOf(example) != reflect.TypeOf(answer) {
		return at
	}
	return ""
}

// The examples of bodies are those of the pages, which are run: what is shown in one place holds in the other.
func TestPrefilledBodiesAreTheDocs(t *testing.T) {
	t.Parallel()
	var doc any
	if err := yaml.Unmarshal(contract.OpenAPI, &doc); err != nil {
		t.Fatal(err)
	}
	s, _ := doc.(map[string]any)
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var shown []any
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, rest := range strings.Split(string(text), "-d '")[1:] {
			body, _, _ := strings.Cut(rest, "'")
			var v any
			if json.Unmarshal([]byte(body), &v) == nil {
				shown = append(shown, v)
			}
		}
	}
	// What no page shows: it has no command for these, shows the text instead of its JSON form, or adds what an answer before told.
	unshown := []string{"continueSession", "apiAuth", "moveAccount", "documentCreate", "documentReplace"}
	for _, op := range spec(s).prefill(t) {
		if op.body == "" || op.kind != "" || slices.Contains(unshown, op.id) || strings.Contains(op.path, "/fsm") || strings.Contains(op.path, "/users/") {
			continue
		}
		var want any
		if err := json.Unmarshal([]byte(op.body), &want); err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(shown, func(v any) bool { return reflect.DeepEqual(v, want) }) {
			t.Errorf("%s: no page has the example %s", op.id, op.body)
		}
	}
}
