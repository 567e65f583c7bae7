package gateway

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
)

// dryRun tells the servers of a dry run's packets.
func (f *fixture) dryRun(account string, op aaa.Op, values map[string]any) ([]string, *DryRun) {
	f.t.Helper()
	d, err := f.gateway.DryRun(f.ctx, &aaa.Request{Account: f.ids[account], Op: op, Values: values})
	f.must(err)
	var servers []string
	for _, p := range d.Packets {
		servers = append(servers, p.Server)
	}
	return servers, d
}

// notes tells what a trace says of the documents.
func notes(t *aaa.Trace) string {
	var list []string
	for _, d := range t.Documents {
		list = append(list, d.Note)
	}
	return strings.Join(list, ", ")
}

// TestDryRunEndsWhereTheRunDoes: a parent's document that bypasses the request has no packet, and none is
// after it; nor where authz_apps leaves the request to others.
func TestDryRunEndsWhereTheRunDoes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", doc("inherit", "a"))
	f.put("reseller", with(doc("inherit", "b"), `"block_authz":[{"channel":["inbound","internal"]}]`))
	f.put("root", with(doc("on", "c"), `"authz_apps":["jonny5"]`))
	f.engine.set("a", silent)
	channel := func(locality string) map[string]any {
		return map[string]any{"User-Name": "bob", "Call-Direction": "inbound", "Channel-Locality": locality}
	}
	for _, c := range []struct {
		locality string
		packets  []string
		outcome  aaa.Outcome
		notes    string
	}{
		{"internal", []string{"a"}, aaa.Bypassed, "used, bypassed, used"},
		{"external", []string{"a", "b"}, aaa.Accept, "used, used, used"},
	} {
		servers, d := f.dryRun("customer", aaa.Authz, channel(c.locality))
		if diff := cmp.Diff(c.packets, servers); diff != "" || notes(d.Trace) != c.notes {
			t.Errorf("%s, dry: documents %s, servers (-want +got):\n%s", c.locality, notes(d.Trace), diff)
		}
		res := f.mustAsk("customer", aaa.Authz, channel(c.locality))
		if diff := cmp.Diff(c.packets, f.engine.take()); diff != "" || res.Outcome != c.outcome {
			t.Errorf("%s, run: %s (-want +got):\n%s", c.locality, res.Outcome, diff)
		}
		if want := strings.Replace(c.notes, "used", "none answered", 1); notes(res.Trace) != want {
			t.Errorf("%s, run: documents %s, want %s", c.locality, notes(res.Trace), want)
		}
	}
}

// TestDryRunTellsWhatIsNotSent: an attribute that the protocol leaves out is not among the packet's, and both
// traces say so.
func TestDryRunTellsWhatIsNotSent(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("customer", doc("on", "a"))
	values := map[string]any{"User-Name": "bob", "User-Password": "pw"}
	want := []aaa.TraceDropped{{Server: "a", Attribute: "User-Password", Reason: "not sent by radius in a request of accounting"}}
	_, d := f.dryRun("customer", aaa.Accounting, values)
	if diff := cmp.Diff([]NamedValue{{Name: "User-Name", Value: "bob"}}, d.Packets[0].AVPs); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, d.Trace.Dropped); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, f.mustAsk("customer", aaa.Accounting, values).Trace.Dropped); diff != "" {
		t.Error(diff)
	}
	if _, d := f.dryRun("customer", aaa.Authn, values); len(d.Packets[0].AVPs) != 2 || len(d.Trace.Dropped) != 0 {
		t.Errorf("authn: %+v, %+v", d.Packets[0].AVPs, d.Trace.Dropped)
	}
}
