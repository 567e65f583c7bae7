package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
)

const acmeText = `VENDOR	Acme	99999
BEGIN-VENDOR	Acme
ATTRIBUTE	Acme-Level	1	integer
VALUE	Acme-Level	High	7
END-VENDOR	Acme
`

func (w *world) upload(method, path, text string) reply {
	w.t.Helper()
	return w.do(ask{method: method, path: path, token: w.tenantToken, body: text, header: map[string]string{"Content-Type": "text/plain; charset=utf-8"}})
}

func TestDictionariesAsText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := at(w.tenant, "/aaa/dictionary")
	made := w.upload("PUT", base+"?name=dictionary_acme", acmeText).want(201)
	if made.at("data", "value", "0", "vendor", "Acme") != 99999.0 || made.at("data", "value", "2", "val", "name") != "High" || made.str("data", "owner") != string(w.tenant) {
		t.Errorf("%s", made.text)
	}
	id := made.str("data", "id")
	got := w.asText(base + "/" + id)
	if !strings.Contains(got.text, "Acme-Level") || !strings.Contains(got.text, "99999") || !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") {
		t.Errorf("%v %s", got.header, got.text)
	}
	if tag := got.header.Get("Etag"); tag != `"1-text"` {
		t.Errorf("the text has the tag %s", tag)
	}
	w.do(ask{method: "GET", path: base + "/" + id, token: w.tenantToken, header: map[string]string{"Accept": "text/plain", "If-None-Match": `"1-text"`}}).want(http.StatusNotModified)
	w.do(ask{method: "GET", path: base + "/" + id, token: w.tenantToken, header: map[string]string{"If-None-Match": `"1-text"`}}).want(200)
	// What was given back can be uploaded: by id, by name in the path, by name in the query.
	w.upload("POST", base+"/"+id, got.text).want(200)
	w.upload("POST", base+"/dictionary_acme", got.text).want(200)
	w.upload("POST", base+"?name=dictionary_acme", got.text).want(200)
	again := w.call(w.tenantToken, "GET", base+"/dictionary_acme", "").want(200)
	if again.str("revision") != "4" || fmt.Sprint(again.at("data", "value")) != fmt.Sprint(made.at("data", "value")) {
		t.Errorf("%s", again.text)
	}
	// A VALUE of an attribute that another visible dictionary defines, the parent's or a system one.
	child := at(w.child, "/aaa/dictionary")
	w.upload("PUT", child+"?name=more", "VALUE	Acme-Level	Low	1\nVALUE	Service-Type	Acme-Service	4711\n").want(201)

	// An attribute inside one of another dictionary would break with that one.
	w.call(w.tenantToken, "PUT", base, data(`{"name":"outer","value":[{"vendor":{"Outer":99998}},{"attr":{"vid":99998,"id":1,"type":"tlv","name":"Outer-TLV"}}]}`)).want(201)
	w.call(w.tenantToken, "PUT", base, data(`{"name":"inner","value":[{"attr":{"vid":99998,"id":1,"type":"string","name":"Inner","parent":"Outer-TLV"}}]}`)).refused(400, web.SlugInvalid)

	w.upload("PUT", base+"?name=dictionary_acme", acmeText).refused(409, web.SlugConflict)
	w.upload("PUT", base, acmeText).refused(400, web.SlugInvalid)
	w.upload("PUT", base+"?name=a%20b", acmeText).refused(400, web.SlugInvalid)
	w.upload("POST", base+"?name=nobody", acmeText).refused(404, web.SlugIdentifier)
	if r := w.upload("PUT", base+"?name=x", acmeText+"ATTRIBUTE	Broken	x	integer\n").refused(400, web.SlugInvalid); r.at("data", "line 6") == nil {
		t.Errorf("no line: %s", r.text)
	}
	w.upload("PUT", base+"?name=x", "$INCLUDE /etc/passwd\n").refused(400, web.SlugInvalid)
	w.do(ask{method: "PUT", path: base + "?name=x", token: w.tenantToken, body: acmeText, header: map[string]string{"Content-Type": "text/plain; charset=utf-16"}}).refused(415, "unsupported_media_type")
	// curl --data-binary without a Content-Type says form data: JSON is read, so this is none.
	w.do(ask{method: "PUT", path: base + "?name=x", token: w.tenantToken, body: acmeText, header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}).refused(400, web.SlugParse)
	w.call(w.tenantToken, "GET", base+"/x", "").refused(404, web.SlugIdentifier)
}

func TestDictionariesAsJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := at(w.tenant, "/aaa/dictionary")
	id := w.call(w.tenantToken, "PUT", base, data(fmt.Sprintf(aDictionary, "dictionary_acme"))).want(201).str("data", "id")
	for name, bad := range map[string]string{
		"value.0.attr.type": `{"name":"x","value":[{"attr":{"id":1,"type":"colour","name":"A"}}]}`,
		"value.1.attr.id":   `{"name":"x","value":[{"attr":{"id":201,"type":"string","name":"A"}},{"attr":{"id":201,"type":"integer","name":"B"}}]}`,
		"name":              `{"name":"a b","value":[]}`,
		"value":             `{"name":"x"}`,
		"colour":            `{"name":"x","value":[],"colour":1}`,
		"owner":             `{"name":"x","value":[],"owner":1}`,
	} {
		if r := w.call(w.tenantToken, "PUT", base, data(bad)).refused(400, web.SlugInvalid); r.at("data", name) == nil {
			t.Errorf("no fault at %s: %s", name, r.text)
		}
		if r := w.call(w.tenantToken, "POST", base+"/"+id, data(bad)); r.status != 400 {
			t.Errorf("%s: %d", name, r.status)
		}
	}
	if r := w.call(w.tenantToken, "PUT", base+"?name=other", data(fmt.Sprintf(aDictionary, "x"))).refused(400, web.SlugInvalid); r.at("data", "name") == nil {
		t.Errorf("%s", r.text)
	}
	list := w.call(w.tenantToken, "GET", base, "").want(200)
	if list.at("data", "0", "value") != nil || list.at("data", "1") != nil {
		t.Errorf("%s", list.text)
	}
	// In use: neither deleted nor renamed, and the answer says by whom.
	using := strings.Replace(aDocument, `["dictionary"]`, `["dictionary_acme","dictionary"]`, 1)
	w.call(w.tenantToken, "PUT", at(w.child, "/aaa"), data(using)).want(201)
	for _, r := range []reply{
		w.call(w.tenantToken, "DELETE", base+"/"+id, ""),
		w.call(w.tenantToken, "POST", base+"/"+id, data(fmt.Sprintf(aDictionary, "renamed"))),
	} {
		if r.refused(409, web.SlugConflict).at("data", "dictionary", "in_use", "target", "0") != string(w.child) {
			t.Errorf("%s", r.text)
		}
	}
	w.call(w.tenantToken, "DELETE", at(w.child, "/aaa"), "").want(200)
	w.call(w.tenantToken, "POST", base+"/"+id, data(fmt.Sprintf(aDictionary, "renamed"))).want(200)
	w.call(w.tenantToken, "DELETE", base+"/renamed", "").want(200)
}

// asText reads a dictionary as text.
func (w *world) asText(path string) reply {
	w.t.Helper()
	return w.do(ask{method: "GET", path: path, token: w.tenantToken, header: map[string]string{"Accept": "text/plain"}}).want(200)
}

// An empty dictionary is one like any other, and so is one that an earlier version stored as null.
func TestEmptyDictionary(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := at(w.tenant, "/aaa/dictionary")
	json := w.call(w.tenantToken, "PUT", base, data(`{"name":"as_json","value":[]}`)).want(201)
	text := w.upload("PUT", base+"?name=as_text", "# nothing\n\n").want(201)
	stored, err := w.store.Dictionaries().Create(t.Context(), store.Dictionary{Account: w.tenant, Name: "stored", Body: []byte(`null`)})
	ok(t, err)
	for _, r := range []reply{
		json, text, w.call(w.tenantToken, "GET", base+"/as_json", ""), w.call(w.tenantToken, "GET", base+"/as_text", ""),
		w.call(w.tenantToken, "GET", base+"/"+stored.ID, ""),
	} {
		if list, ok := r.at("data", "value").([]any); !ok || len(list) != 0 {
			t.Errorf("%s", r.text)
		}
	}
	// It is in nobody's way.
	w.upload("PUT", at(w.child, "/aaa/dictionary")+"?name=more", acmeText).want(201)
	w.upload("PUT", base+"?name=dictionary_acme", acmeText).want(201)
	if got := w.asText(base + "/stored"); got.text != "" {
		t.Errorf("%q", got.text)
	}
	using := strings.Replace(aDocument, `["dictionary"]`, `["as_json","as_text","stored","dictionary_acme","dictionary"]`, 1)
	w.call(w.tenantToken, "PUT", at(w.tenant, "/aaa"), data(using)).want(201)
	// In the place of one in use, it takes effect.
	w.call(w.tenantToken, "POST", base+"?name=dictionary_acme", data(`{"name":"dictionary_acme","value":[]}`)).want(200)
}

// A vendor's format holds for every dictionary of the account's that has attributes of the vendor.
func TestVendorFormatAcrossDictionaries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base, below := at(w.tenant, "/aaa/dictionary"), at(w.child, "/aaa/dictionary")
	const (
		states = `{"name":"da","value":[{"vendor":{"Zed":77777,"format":"2,2"}},{"attr":{"vid":77777,"id":1,"type":"string","name":"Z-One"}}]}`
		lacks  = `{"name":"db","value":[{"attr":{"vid":77777,"id":300,"type":"string","name":"Z-Two"}}]}`
	)
	if r := w.call(w.tenantToken, "PUT", below, data(lacks)).refused(400, web.SlugInvalid); r.at("data", "value.0.attr.id", "range") == nil {
		t.Errorf("%s", r.text)
	}
	w.call(w.tenantToken, "PUT", base, data(states)).want(201)
	made := w.call(w.tenantToken, "PUT", below, data(lacks)).want(201)
	if made.at("data", "value", "1") != nil {
		t.Errorf("more is stored than was sent: %s", made.text)
	}
	// Without the other it stays in use, and can be read and sent again with what it says.
	w.call(w.tenantToken, "DELETE", base+"/da", "").want(200)
	using := strings.Replace(aDocument, `["dictionary"]`, `["db","dictionary"]`, 1)
	w.call(w.tenantToken, "PUT", at(w.child, "/aaa"), data(using)).want(201)
	text := w.asText(below + "/db").text
	w.upload("POST", below+"/db", text).refused(400, web.SlugInvalid)
	w.upload("POST", below+"/db", "VENDOR Zed 77777 format=2,2\n"+text).want(200)
}

// What JSON says comes back as text that can be sent again, and still says the same.
func TestJSONDictionaryAsText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := at(w.tenant, "/aaa/dictionary")
	w.call(w.tenantToken, "PUT", base, data(`{"name":"other","value":[{"attr":{"vid":77777,"id":2,"type":"string","name":"O"}}]}`)).want(201)
	for name, value := range map[string]string{
		"child":  `[{"attr":{"vid":32473,"id":1,"type":"string","name":"C","parent":"P"}},{"attr":{"vid":32473,"id":7,"type":"tlv","name":"P"}}]`,
		"vendor": `[{"attr":{"vid":77777,"id":1,"type":"string","name":"A"}}]`,
		"value":  `[{"attr":{"vid":32473,"id":1,"type":"tlv","name":"T"}},{"val":{"vid":32473,"id":7,"parent":"T","val":1,"name":"x"}}]`,
	} {
		made := w.call(w.tenantToken, "PUT", base, data(`{"name":"`+name+`","value":`+value+`}`)).want(201)
		text := w.asText(base + "/" + name).text
		again := w.upload("POST", base+"/"+name, text).want(200)
		for i, entry := range made.at("data", "value").([]any) {
			if list := again.at("data", "value").([]any); !slices.ContainsFunc(list, func(e any) bool { return fmt.Sprint(e) == fmt.Sprint(entry) }) || len(list) <= i {
				t.Errorf("%s: entry %v became\n%s", name, entry, again.text)
			}
		}
	}
}

// A document uses what its names lead to now: a nearer dictionary or table is in use from the moment that it is there, in
// the place of the parent's or of a system dictionary.
func TestNearerOnesAreInUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	above, own := at(w.tenant, "/aaa/dictionary"), at(w.child, "/aaa/dictionary")
	w.call(w.tenantToken, "PUT", above, data(fmt.Sprintf(aDictionary, "dd"))).want(201)
	using := strings.Replace(aDocument, `["dictionary"]`, `["dd","dictionary"]`, 1)
	table := func(account aaa.AccountID) {
		t.Helper()
		w.do(ask{
			method: "PUT", path: at(account, "/aaa/fsm") + "?name=mine", token: w.tenantToken, header: map[string]string{"Content-Type": "text/plain"},
			body: "Start:\n\t*.+AUTHEN.ACK\tRADIUS\tWait\nWait:\n\t*.RADIUS.ACK\tREPLY\tEnd\n\t*.RADIUS.NAK\tREPLY\tEnd\n\t*.RADIUS.ERROR\tREPLY\tEnd\nEnd:\n",
		}).want(201)
	}
	table(w.tenant)
	w.call(w.tenantToken, "PUT", at(w.child, "/aaa"), data(strings.Replace(using, `{`, `{"fsm":"mine",`, 1))).want(201)
	inUse := func(r reply, kind string) {
		t.Helper()
		if got := r.refused(409, web.SlugConflict).at("data", kind, "in_use", "target"); fmt.Sprint(got) != fmt.Sprint([]any{string(w.child)}) {
			t.Errorf("%s", r.text)
		}
	}
	for _, name := range []string{"dd", "dictionary"} {
		w.call(w.tenantToken, "PUT", own, data(fmt.Sprintf(aDictionary, name))).want(201)
		inUse(w.call(w.tenantToken, "DELETE", own+"/"+name, ""), "dictionary")
		inUse(w.call(w.tenantToken, "POST", own+"/"+name, data(fmt.Sprintf(aDictionary, "renamed"))), "dictionary")
	}
	w.call(w.tenantToken, "DELETE", above+"/dd", "").want(200)

	table(w.child)
	tables := at(w.child, "/aaa/fsm")
	inUse(w.call(w.tenantToken, "DELETE", tables+"/mine", ""), "fsm")
	w.call(w.tenantToken, "DELETE", at(w.tenant, "/aaa/fsm/mine"), "").want(200)
	w.call(w.tenantToken, "DELETE", at(w.child, "/aaa"), "").want(200)
	w.call(w.tenantToken, "DELETE", tables+"/mine", "").want(200)
	w.call(w.tenantToken, "DELETE", own+"/dictionary", "").want(200)
}

// System dictionaries are read through every account and written through none.
func TestSystemDictionaries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := at(w.tenant, "/aaa/dictionary")
	list := w.call(w.tenantToken, "GET", base+"?system=true&filter_name=dictionary_3gpp", "").want(200)
	if list.at("data", "0", "owner") != "system_config" {
		t.Errorf("%s", list.text)
	}
	if r := w.call(w.tenantToken, "GET", base+"?system=false", "").want(200); r.at("data", "0") != nil {
		t.Errorf("%s", r.text)
	}
	w.call(w.tenantToken, "GET", base+"?system=yes", "").refused(400, web.SlugInvalid)
	if r := w.call(w.tenantToken, "GET", base+"/dictionary_3gpp", "").want(200); r.at("data", "value", "0") == nil {
		t.Errorf("%s", r.text)
	}
	r := w.do(ask{method: "GET", path: base + "/dictionary_3gpp", token: w.tenantToken, header: map[string]string{"Accept": "text/plain"}}).want(200)
	if !strings.Contains(r.text, "3GPP-IMSI") {
		t.Errorf("%.300s", r.text)
	}
	w.call(w.tenantToken, "POST", base+"/dictionary_3gpp", data(fmt.Sprintf(aDictionary, "dictionary_3gpp"))).refused(403, web.SlugForbidden)
	w.call(w.tenantToken, "DELETE", base+"/dictionary_3gpp", "").refused(403, web.SlugForbidden)
	w.call(w.tenantToken, "GET", base+"/dictionary_of_nobody", "").refused(404, web.SlugIdentifier)
	// An account's own dictionary of the same name hides the system's, and only there.
	w.call(w.tenantToken, "PUT", base, data(fmt.Sprintf(aDictionary, "dictionary_3gpp"))).want(201)
	if r := w.call(w.tenantToken, "GET", base+"/dictionary_3gpp", "").want(200); r.at("data", "owner") != string(w.tenant) {
		t.Errorf("%s", r.text)
	}
	for _, path := range []string{"", "/dictionary_3gpp"} {
		w.call(w.rootToken, "GET", atSystem+"/dictionary"+path, "").want(200)
		w.call(w.rootToken, "PUT", atSystem+"/dictionary"+path, data(fmt.Sprintf(aDictionary, "x"))).refused(405, "invalid_method")
	}
}
