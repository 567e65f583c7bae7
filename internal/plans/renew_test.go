package plans

import (
	"testing"

	"aaa-api/internal/store"
)

// TestDocumentInUse: the document that follows one in use is in force without a request: its pool has as many
// workers as it says, and servers that it no longer has are given back, so that nobody probes them.
func TestDocumentInUse(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", `"workers":1`)
	plan := f.plan("customer")
	held := plan.Routes[0].Levels[0].Server("a").Client.(idleClient)
	if !plan.Pool.TryAcquire() || plan.Pool.TryAcquire() {
		t.Fatal("the pool has not one worker")
	}

	f.put("customer", `"workers":3`)
	if held.retired.Load() {
		t.Error("a server that did not change was given back")
	}
	if !plan.Pool.TryAcquire() {
		t.Error("the pool has as many workers as before")
	}

	f.put("customer", `"servers":[{"enabled":true,"name":"c","address":"192.0.2.3","port":1812,"secret":"s3cr3t","aaa_engine":"radius","dicts":["dictionary"],"timeout":1000}],
		"authentication":["c"],"authorization":["c"],"accounting":["c"],"custom":["c"]`)
	if !held.retired.Load() {
		t.Error("a server that left the document is still held")
	}
	next := f.plan("customer").Routes[0].Levels[0].Server("c").Client.(idleClient)
	f.must(f.store.Documents().Delete(f.ctx, f.ids["customer"], store.AnyRevision, ""))
	f.sync()
	if !next.retired.Load() {
		t.Error("the server of a deleted document is still held")
	}
}
