package web

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
		"":                                   FormJSON,
		"*/*":                                FormJSON,
		"image/png":                          FormJSON,
		"text/plain":                         formText,
		"TEXT/Plain; charset=utf-8":          formText,
		"text/*":                             formText,
		"text/vnd.mermaid, */*;q=0.1":        formMermaid,
		"application/json;q=0.5, text/plain": formText,
		"text/plain, application/json":       FormJSON,
		"text/html,application/xhtml+xml,*/*;q=0.8":           FormJSON,
		"*/*, application/json;q=0, text/plain;q=0":           formGraphviz,
		"text/*;q=0.5, text/vnd.graphviz;level=1;q=0.7":       formGraphviz,
		"text/plain;q=2, text/vnd.mermaid;q=x":                FormJSON,
		"text/plain;q=NaN":                                    FormJSON,
		"application/problem+json, text/vnd.graphviz":         formGraphviz,
		strings.Repeat("text/x,", maxRanges) + "text/plain":   FormJSON,
		strings.Repeat("text/x,", maxRanges-1) + "text/plain": formText,
	} {
		r := &http.Request{Header: http.Header{}}
		if accept != "" {
			r.Header.Set("Accept", accept)
		}
		if got := accepted(r, FormJSON, formText, formGraphviz, formMermaid); got != want {
			t.Errorf("%q gets %s, not %s", accept, got, want)
		}
	}
}

// Media types that a handler may offer.
const (
	formText     = "text/plain"
	formGraphviz = "text/vnd.graphviz"
	formMermaid  = "text/vnd.mermaid"
)
