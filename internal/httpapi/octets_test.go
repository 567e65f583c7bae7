package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store/pgtest"
	"aaa-api/internal/store/postgres"
	"aaa-api/internal/web"
)

// PostgreSQL takes no octets in text that are not UTF-8, and no U+0000: what no name can hold is not asked for.
func TestOctetsThatAreNoText(t *testing.T) {
	t.Parallel()
	st, err := postgres.Open(t.Context(), pgtest.Open(t), postgres.Options{})
	ok(t, err)
	ok(t, st.Migrate(t.Context()))
	w := &tenancy{world: newWorldOn(t, st), ids: make(map[aaa.AccountID]map[string]string)}
	w.fill(w.tenant)
	bad := []string{"%ff", "%FF", "%00", "a%00", "%C3%28"}

	for i := range routes {
		r := &routes[i]
		s := samples[r.method+" "+r.pattern]
		ask := func(path string) reply {
			t.Helper()
			body := s.body
			if body == "move" {
				body = data(`{}`)
			}
			return w.do(ask{method: r.method, path: path, token: w.rootToken, body: body, header: s.header, unchecked: true})
		}
		path, _, _ := strings.Cut(w.url(r, w.tenant, w.tenant), "?")
		for name := range strings.FieldsSeq(strings.ReplaceAll(r.query, "filter_", "filter_name")) {
			for _, v := range bad {
				if got := ask(path + "?" + name + "=" + v); name != "*" && (got.status != http.StatusBadRequest || got.at("data", name, "character") == nil) {
					t.Errorf("%s %s?%s=%q: %d %s", r.method, path, name, v, got.status, got.text)
				}
			}
		}
		if r.scope == public {
			continue
		}
		parts := strings.Split(r.pattern, "/")
		for n, part := range strings.Split(path, "/") {
			for _, v := range bad {
				if !strings.HasPrefix(parts[n], "{") {
					continue
				}
				at := strings.Replace(path, "/"+part, "/"+v, 1)
				ask(at).refused(http.StatusNotFound, web.SlugIdentifier)
			}
		}
	}
}
