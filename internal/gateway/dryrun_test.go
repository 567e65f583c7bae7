package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
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

// TestTraceOfAnEmptyList: a document in force that names no enabled server is not told as one whose servers are silent.
func TestTraceOfAnEmptyList(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name            string
		customer, above string // documents
		op              aaa.Op
		dry, run        string
	}{
		{"an empty list", doc("on"), "", aaa.Accounting, "no usable server", "no usable server"},
		{"no server enabled", doc("on", "!a"), "", aaa.Authn, "no usable server", "no usable server"},
		{"an empty list of authn lets in", doc("on"), "", aaa.Authn, "used", "used"},
		{"an empty list above", doc("inherit", "a"), doc("on"), aaa.Authn, "used, no usable server", "none answered, no usable server"},
		{"silent servers", doc("on", "a"), "", aaa.Authn, "used", "none answered"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.put("customer", c.customer)
			if c.above != "" {
				f.put("reseller", c.above)
			}
			f.engine.set("a", silent)
			values := map[string]any{"User-Name": "bob"}
			if _, d := f.dryRun("customer", c.op, values); notes(d.Trace) != c.dry {
				t.Errorf("dry: documents %s, want %s", notes(d.Trace), c.dry)
			}
			res, err := f.ask("customer", c.op, values)
			trace := (*aaa.Trace)(nil)
			var e *aaa.Error
			switch {
			case errors.As(err, &e):
				trace = e.Trace
			case res != nil:
				trace = res.Trace
			}
			if trace == nil {
				t.Fatalf("no trace: %+v, %v", res, err)
			}
			if notes(trace) != c.run {
				t.Errorf("run: documents %s, want %s", notes(trace), c.run)
			}
		})
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
	if avps := d.Packets[0].AVPs; len(avps) != 1 || avps[0].As != "User-Name" || avps[0].JSON() != "bob" {
		t.Errorf("%+v", avps)
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

// TestDryRunHidesAnAncestorsName: the authz_username of a document above is not shown to those below, neither in words nor in the
// packet.
func TestDryRunHidesAnAncestorsName(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("reseller", with(doc("on", "a"), `"authz_username":"provisioner"`))
	shown := func(account string) (name, packet string) {
		t.Helper()
		run, err := f.gateway.DryRun(f.ctx, &aaa.Request{Account: f.ids[account], Op: aaa.Authz, Values: map[string]any{}, Trace: true})
		f.must(err)
		if len(run.Packets) != 1 || run.Packets[0].Error != "" || len(run.Packets[0].AVPs) != 1 || run.Packets[0].AVPs[0].As != "User-Name" {
			t.Fatalf("%+v", run.Packets)
		}
		text, err := json.Marshal(run)
		f.must(err)
		if account != "reseller" && strings.Contains(string(text), "provisioner") {
			t.Errorf("%s", text)
		}
		return fmt.Sprint(run.Packets[0].AVPs[0].JSON()), string(run.Packets[0].Packet)
	}
	if name, packet := shown("reseller"); name != "provisioner" || !strings.Contains(packet, name) {
		t.Errorf("its own account is not shown the name: %s, %q", name, packet)
	}
	if name, packet := shown("customer"); name != aaa.Mask || strings.Contains(packet, "provisioner") {
		t.Errorf("an account below is shown the name: %s, %q", name, packet)
	}
}
