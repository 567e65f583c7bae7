package httpapi

import (
	"net/http"
	"strings"
	"testing"
)

func TestWantsProblem(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]bool{
		"":                         false,
		"*/*":                      false,
		"application/*":            false,
		"application/json":         false,
		"application/problem+json": true,
		"application/problem+json;charset=utf-8, */*":              true,
		"application/json, application/problem+json":               true,
		"application/json, application/problem+json;q=0":           false,
		"application/problem+json;q=0":                             false,
		"application/json, application/problem+json;q=0.5":         false,
		"application/json;q=0.5, APPLICATION/Problem+JSON;q=0.5":   true,
		"application/json;q=0.4, application/problem+json;q=0.5":   true,
		"text/x-application/problem+json, application/json;q=0.1":  false,
		"application/problem+json;q=0.9, application/*;q=0.8, a/b": true,
	} {
		r := &http.Request{Header: http.Header{}}
		if accept != "" {
			r.Header.Set("Accept", accept)
		}
		if got := wantsProblem(r); got != want {
			t.Errorf("%q: %v", accept, got)
		}
	}
}

func TestAccepted(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]string{
		"":                                   formJSON,
		"*/*":                                formJSON,
		"image/png":                          formJSON,
		"text/plain":                         formText,
		"TEXT/Plain; charset=utf-8":          formText,
		"text/*":                             formText,
		"text/vnd.mermaid, */*;q=0.1":        formMermaid,
		"application/json;q=0.5, text/plain": formText,
		"text/plain, application/json":       formJSON,
		"text/html,application/xhtml+xml,*/*;q=0.8":           formJSON,
		"*/*, application/json;q=0, text/plain;q=0":           formGraphviz,
		"text/*;q=0.5, text/vnd.graphviz;level=1;q=0.7":       formGraphviz,
		"text/plain;q=2, text/vnd.mermaid;q=x":                formJSON,
		"text/plain;q=NaN":                                    formJSON,
		"application/problem+json, text/vnd.graphviz":         formGraphviz,
		strings.Repeat("text/x,", maxRanges) + "text/plain":   formJSON,
		strings.Repeat("text/x,", maxRanges-1) + "text/plain": formText,
	} {
		r := &http.Request{Header: http.Header{}}
		if accept != "" {
			r.Header.Set("Accept", accept)
		}
		if got := accepted(r, tableForms...); got != want {
			t.Errorf("%q gets %s, not %s", accept, got, want)
		}
	}
}

// A dictionary is a text for who likes text better than JSON.
func TestDictionaryByAccept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own := at(w.tenant, "/aaa/dictionary/") + w.upload("PUT", at(w.tenant, "/aaa/dictionary?name=dictionary_acme"), "VENDOR Acme 99999\n").want(201).str("data", "id")
	for path, token := range map[string]string{own: w.tenantToken, atSystem + "/dictionary/dictionary": w.rootToken} {
		for accept, want := range map[string]string{
			"text/plain":                         formText,
			"text/plain, application/json;q=0.5": formText,
			"text/plain;q=0":                     formJSON,
			"text/plain, application/json":       formJSON,
			"text/plain;q=0.5, */*":              formJSON,
		} {
			r := w.do(ask{method: "GET", path: path, token: token, header: map[string]string{"Accept": accept}}).want(200)
			if got := r.header.Get("Content-Type"); !strings.HasPrefix(got, want) {
				t.Errorf("%s for %q: %s", path, accept, got)
			}
		}
	}
}
