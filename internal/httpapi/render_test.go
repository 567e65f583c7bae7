package httpapi

import (
	"fmt"
	"strings"
	"testing"

	"aaa-api/internal/web"
)

// Faults of one path and rule share a message: equal ones are told once, and of others as many as are of use.
func TestFaultsOfOnePath(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := at(w.tenant, "")
	twice := w.call(w.tenantToken, "PATCH", path, data(`{"name":"a"`+strings.Repeat(`,"name":"b"`, 300)+`}`)).refused(400, web.SlugInvalid)
	if got := twice.str("data", "name", "duplicate", "message"); got != "the member is given twice" {
		t.Errorf("%s", got)
	}
	var names strings.Builder
	for i := range 300 {
		fmt.Fprintf(&names, `,"\u0000%d":1`, i)
	}
	got := w.call(w.tenantToken, "PATCH", path, data(`{"name":"a"`+names.String()+`}`)).refused(400, web.SlugInvalid).str("data", "data", "character", "message")
	if len(got) > 2000+len("; …") || !strings.HasPrefix(got, "the member's name \uFFFD0: ") || !strings.HasSuffix(got, "; …") || strings.Count(got, "; …") != 1 {
		t.Errorf("%s", got)
	}
}
