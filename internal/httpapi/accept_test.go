package httpapi

import (
	"strings"
	"testing"

	"aaa-api/internal/web"
)

// A dictionary is a text for who likes text better than JSON.
func TestDictionaryByAccept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own := at(w.tenant, "/aaa/dictionary/") + w.upload("PUT", at(w.tenant, "/aaa/dictionary?name=dictionary_acme"), "VENDOR Acme 99999\n").want(201).str("data", "id")
	for path, token := range map[string]string{own: w.tenantToken, atSystem + "/dictionary/dictionary": w.rootToken} {
		for accept, want := range map[string]string{
			"text/plain":                         formText,
			"text/plain, application/json;q=0.5": formText,
			"text/plain;q=0":                     web.FormJSON,
			"text/plain, application/json":       web.FormJSON,
			"text/plain;q=0.5, */*":              web.FormJSON,
		} {
			r := w.do(ask{method: "GET", path: path, token: token, header: map[string]string{"Accept": accept}}).want(200)
			if got := r.header.Get("Content-Type"); !strings.HasPrefix(got, want) {
				t.Errorf("%s for %q: %s", path, accept, got)
			}
		}
	}
}
