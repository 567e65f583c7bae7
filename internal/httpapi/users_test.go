package httpapi

import (
	"strings"
	"testing"

	"aaa-api/internal/secmod"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
)

const (
	bobsHash = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
	annsHash = "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"
)

const aUsersFile = "# The night shift.\nbob\tPassword = \"" + bobsHash + "\"\n\tSession-Timeout = 3600\nann:" + annsHash + "\n"

var aMaskedFile = strings.NewReplacer(bobsHash, "********", annsHash, "********").Replace(aUsersFile)

// opened is what the store holds of a users file, in the clear.
func (w *world) opened(name string) string {
	w.t.Helper()
	f, err := w.store.Texts().Get(w.t.Context(), w.tenant, store.TextUsers, name)
	ok(w.t, err)
	text, err := secmod.New(memoryKEK{}, w.store.Keys()).Open(w.t.Context(), w.tenant, "users/"+name, f.Body)
	ok(w.t, err)
	return text.Reveal()
}

// Hashes go in and never come out; written back masked they stay what they were.
func TestUsersFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := at(w.tenant, "/aaa/users")
	made := w.upload("PUT", base+"/users", aUsersFile).want(201)
	path := made.header.Get("Location")
	if path != base+"/users" || made.str("data", "text") != aMaskedFile || made.str("data", "owner") != string(w.tenant) {
		t.Errorf("%s %s", path, made.text)
	}
	if w.opened("users") != aUsersFile {
		t.Errorf("stored is %q", w.opened("users"))
	}
	if got := w.read(path, "text/plain").want(200); got.text != aMaskedFile || got.header.Get("Etag") != `"1-text"` || got.header.Get("Vary") != "Accept" {
		t.Errorf("%v %s", got.header, got.text)
	}
	w.read(path, "text/plain", "If-None-Match", `"1-text"`).want(304)
	w.read(path, "application/json", "If-None-Match", `"1-text"`).want(200)

	// Written back with a new user: by text, then by JSON with all that was read.
	const cy = "cy:" + annsHash + "\n"
	w.upload("POST", path, aMaskedFile+cy).want(200)
	if w.opened("users") != aUsersFile+cy {
		t.Errorf("stored is %q", w.opened("users"))
	}
	got := w.call(w.tenantToken, "GET", path, "").want(200)
	whole := got.text[strings.Index(got.text, `{"name"`):strings.Index(got.text, `,"request_id"`)]
	w.call(w.tenantToken, "POST", path, data(whole)).want(200)
	if w.opened("users") != aUsersFile+cy {
		t.Errorf("stored is %q", w.opened("users"))
	}
	conditional := func(method, tag string) reply {
		t.Helper()
		return w.do(ask{method: method, path: path, token: w.tenantToken, body: aMaskedFile, header: map[string]string{"Content-Type": "text/plain", "If-Match": tag}})
	}
	conditional("POST", `"2"`).refused(412, "precondition_failed")
	conditional("POST", `"3"`).want(200)
	if w.opened("users") != aUsersFile {
		t.Errorf("stored is %q", w.opened("users"))
	}

	w.upload("PUT", path, aUsersFile).refused(409, web.SlugConflict)
	w.upload("POST", base+"/nobody", aUsersFile).refused(404, web.SlugIdentifier)
	w.upload("PUT", base+"/more", aUsersFile).want(201)
	list := w.call(w.tenantToken, "GET", base, "").want(200)
	if list.str("data", "0", "name") != "more" || list.str("data", "1", "name") != "users" || list.at("data", "1", "revision") != 4.0 {
		t.Errorf("%s", list.text)
	}
	conditional("DELETE", `"3"`).refused(412, "precondition_failed")
	conditional("DELETE", `"4"`).want(200)
	w.call(w.tenantToken, "GET", path, "").refused(404, web.SlugIdentifier)

	for _, secret := range []string{bobsHash, annsHash} {
		if strings.Contains(w.log.String(), secret[10:]) {
			t.Error("the log holds a hash")
		}
	}
}

// Whatever is wrong with a file is told by its line, and nothing of a password is.
func TestUsersFileFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := at(w.tenant, "/aaa/users")
	w.upload("PUT", base+"/users", aUsersFile).want(201)
	for text, place := range map[string]string{
		"bob:open-sesame\n":                       "line 1",
		"# x\nbob:" + bobsHash[:40] + "\n":        "line 2",
		"bob:********\n":                          "line 1", // of another file than that which has bob
		"bob:$2a$31$" + bobsHash[7:] + "\n":       "line 1",
		"a:" + bobsHash + "\na:" + annsHash:       "line 2",
		"bob:" + bobsHash + "\nann\xff:open-se\n": "line 2",
	} {
		got := w.upload("PUT", base+"/x", text).refused(400, web.SlugInvalid)
		if got.at("data", place) == nil || strings.Contains(got.text, "open-se") || strings.Contains(got.text, bobsHash[7:30]) {
			t.Errorf("%q: %s", text, got.text)
		}
		w.upload("POST", base+"/users", strings.ReplaceAll(text, "bob:***", "eve:***")).refused(400, web.SlugInvalid)
	}
	if w.opened("users") != aUsersFile {
		t.Errorf("stored is %q", w.opened("users"))
	}
	for place, bad := range map[string]string{
		"text":   `{}`,
		"colour": `{"text":"","colour":1}`,
		"name":   `{"text":"","name":"other"}`,
	} {
		if got := w.call(w.tenantToken, "PUT", base+"/x", data(bad)).refused(400, web.SlugInvalid); got.at("data", place) == nil {
			t.Errorf("%s: %s", place, got.text)
		}
	}
	w.call(w.tenantToken, "PUT", base+"/x", data(`{"text":1}`)).refused(400, web.SlugInvalid)
	if list := w.call(w.tenantToken, "GET", base, "").want(200); list.at("data", "1") != nil {
		t.Errorf("something was stored: %s", list.text)
	}
}

// TestShareOfUsersFiles: share is shown, kept by what does not say it, and refused where it is no boolean.
func TestShareOfUsersFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := at(w.tenant, "/aaa/users")
	shared := func(r reply, want bool) {
		t.Helper()
		if got := w.call(w.tenantToken, "GET", base+"/staff", "").want(200); r.at("data", "share") != want || got.at("data", "share") != want {
			t.Errorf("share is not %v: %s\n%s", want, r.text, got.text)
		}
		if list := w.call(w.tenantToken, "GET", base, "").want(200); list.at("data", "0", "share") != want {
			t.Errorf("in the list share is not %v: %s", want, list.text)
		}
	}
	shared(w.upload("PUT", base+"/staff", aUsersFile).want(201), true)
	shared(w.upload("POST", base+"/staff?share=false", aUsersFile).want(200), false)
	shared(w.upload("POST", base+"/staff", aUsersFile).want(200), false)
	read := w.call(w.tenantToken, "GET", base+"/staff", "").want(200)
	whole := read.text[strings.Index(read.text, `{"name"`):strings.Index(read.text, `,"request_id"`)]
	shared(w.call(w.tenantToken, "POST", base+"/staff", data(whole)).want(200), false)
	shared(w.call(w.tenantToken, "POST", base+"/staff", data(`{"text":"","share":true}`)).want(200), true)
	w.call(w.tenantToken, "DELETE", base+"/staff", "").want(200)
	shared(w.call(w.tenantToken, "PUT", base+"/staff", data(`{"text":"","share":false}`)).want(201), false)
	w.call(w.tenantToken, "POST", base+"/staff", data(`{"text":"","share":"no"}`)).refused(400, web.SlugInvalid)
	w.call(w.tenantToken, "POST", base+"/staff", data(`{"text":"","share":null}`)).refused(400, web.SlugInvalid)
	w.upload("POST", base+"/staff?share=maybe", "").refused(400, web.SlugInvalid)
	w.call(w.tenantToken, "POST", base+"/staff?share=true", data(`{"text":"","share":false}`)).refused(400, web.SlugInvalid)
}
