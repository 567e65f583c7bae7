package httpapi

import (
	"net/http"
	"strings"
	"testing"
)

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
