package plans

import (
	"testing"
	"unsafe"
)

// TestSeldomIsShared: documents that have nothing of Seldom share one, and so do those that name circlemaker alone. A CompiledDocument
// is kept of each warm account, so its size counts.
func TestSeldomIsShared(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", ``)
	f.put("sibling", `"block_authz":[],"realms":{},"authz_apps":[]`)
	if f.level("customer").Seldom != f.level("sibling").Seldom {
		t.Error("two plain documents share nothing")
	}
	plain := f.level("sibling").Seldom
	f.put("customer", `"authz_apps":["circlemaker"]`)
	f.put("sibling", `"authz_apps":["circlemaker"],"session_timeout":0`)
	if l := f.level("customer").Seldom; l != f.level("sibling").Seldom || l == plain || len(l.AuthzApps) != 1 {
		t.Errorf("two that name circlemaker: %+v", l)
	}
	f.put("customer", `"block_authz":[{"channel":["inbound","internal"]}]`)
	if l := f.level("customer").Seldom; l == plain || len(l.BlockAuthz) != 1 || len(plain.BlockAuthz) != 0 {
		t.Errorf("one of its own: %+v", l)
	}
	if size := unsafe.Sizeof(CompiledDocument{}); size > 288 {
		t.Errorf("a Level takes %d octets", size)
	}
}
