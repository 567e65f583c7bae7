package httpapi

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// hiddenRunes are characters that a reader does not see, or that turn around what they see.
var hiddenRunes = map[string]rune{
	"control": '\u0001', "line feed": '\n', "delete": '\u007f', "C1 control": '\u0085',
	"right-to-left override": '\u202e', "left-to-right embedding": '\u202a', "isolate": '\u2066', "pop isolate": '\u2069',
	"left-to-right mark": '\u200e', "Arabic letter mark": '\u061c', "zero width space": '\u200b', "zero width joiner": '\u200d',
	"word joiner": '\u2060', "byte order mark": '\ufeff', "soft hyphen": '\u00ad', "line separator": '\u2028', "paragraph separator": '\u2029',
	"tag": '\U000e0041', "variation selector": '\ufe0f', "Hangul filler": '\u3164', "combining grapheme joiner": '\u034f', "interlinear anchor": '\ufff9',
}

// Nothing takes a name in which there is a character that is not seen, and the answer names the place.
func TestNamesAreSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	before := w.call(w.tenantToken, "GET", at(w.tenant, "/aaa"), "").want(200).at("revision")
	member := func(text string) string {
		quoted, err := json.Marshal(text)
		ok(t, err)
		return string(quoted)
	}
	for what, r := range hiddenRunes {
		name := "a" + string(r) + "b"
		inJSON, inQuery := member(name), url.QueryEscape(name)
		server := `{"enabled":true,"name":` + inJSON + `,"address":"127.0.0.1","port":1812,"secret":"x","aaa_engine":"radius","dicts":["dictionary"]}`
		for _, tc := range []struct{ method, path, body, at string }{
			{"PUT", at(w.tenant, ""), data(`{"name":` + inJSON + `}`), "name"},
			{"PATCH", at(w.tenant, ""), data(`{"name":` + inJSON + `}`), "name"},
			{"PATCH", at(w.tenant, "/aaa"), data(`{"servers":[` + server + `]}`), "servers.0.name"},
			{"PATCH", at(w.tenant, "/aaa"), data(`{"authentication":[` + inJSON + `]}`), "authentication.0"},
			{"PUT", at(w.tenant, "/tokens"), data(`{"note":` + inJSON + `}`), "note"},
			{"PUT", at(w.tenant, "/aaa/dictionary"), data(`{"name":` + inJSON + `,"value":[]}`), "name"},
			{"PUT", at(w.tenant, "/aaa/dictionary?name="+inQuery), "ATTRIBUTE X 1 string\n", "name"},
			{"PUT", at(w.tenant, "/aaa/fsm/"+url.PathEscape(name)), "Start\n", "name"},
			{"PUT", at(w.tenant, "/aaa/users/"+url.PathEscape(name)), data(`{"text":""}`), "name"},
		} {
			a := ask{method: tc.method, path: tc.path, token: w.tenantToken, body: tc.body, unchecked: true}
			if !strings.HasPrefix(tc.body, "{") {
				a.header = map[string]string{"Content-Type": "text/plain"}
			}
			if got := w.do(a); got.status != 400 || !strings.Contains(got.text, `"`+tc.at+`":`) {
				t.Errorf("%s: %s %s: %d %s", what, tc.method, tc.path, got.status, got.text)
			}
		}
	}
	if after := w.call(w.tenantToken, "GET", at(w.tenant, "/aaa"), "").want(200).at("revision"); after != before {
		t.Errorf("the document has changed from revision %v to %v", before, after)
	}
	for _, name := range []string{"Zoë & Søn", "日本電信", "مثال", "Ünïcode – «Name»", "e\u0301"} {
		w.call(w.tenantToken, "PUT", at(w.tenant, ""), data(`{"name":`+member(name)+`}`)).want(201)
	}
}
