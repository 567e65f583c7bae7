package httpapi

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"aaa-api/internal/web"
)

// Every list refuses a filter by what its entries don't have, also while it is empty, and takes one by each member
// that they do have.
func TestFiltersAreMembers(t *testing.T) {
	t.Parallel()
	w := newTenancy(t)
	lists := 0
	for i := range routes {
		r := &routes[i]
		if !strings.Contains(r.query, "filter_") || r.method != "GET" {
			continue
		}
		lists++
		paths := []string{w.url(r, w.tenant, w.tenant)}
		if r.reach == onAccount {
			paths = append(paths, w.url(r, w.account("empty", w.root), w.tenant))
		}
		if strings.Contains(r.query, "system") {
			paths = append(paths, paths[0]+"?system=true")
		}
		for _, path := range paths {
			and := "?"
			if strings.Contains(path, "?") {
				and = "&"
			}
			bad := w.call(w.rootToken, "GET", path+and+"filter_colour=red&filter_Id=x", "").refused(400, web.SlugInvalid)
			if bad.at("data", "filter_colour", "unknown") == nil || bad.at("data", "filter_Id", "unknown") == nil {
				t.Errorf("%s: the filters are not named: %s", path, bad.text)
			}
			rows, _ := w.call(w.rootToken, "GET", path, "").want(200).at("data").([]any)
			for _, row := range rows {
				for member, v := range row.(map[string]any) {
					text := fmt.Sprint(v)
					switch v.(type) {
					case string, bool, float64:
					case nil:
						text = "null"
					default:
						continue
					}
					if got := w.call(w.rootToken, "GET", path+and+"filter_"+member+"="+url.QueryEscape(text), "").want(200); got.at("data", "0") == nil {
						t.Errorf("%s: none has the %s %s", path, member, text)
					}
				}
			}
		}
	}
	if lists < 10 {
		t.Errorf("%d lists", lists)
	}
}
