package gateway

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
)

// TestEffectiveOutcome: what is in force is what a request then meets, and whose document says so.
func TestEffectiveOutcome(t *testing.T) {
	t.Parallel()
	const apps = `"authz_apps":["jonny5"]`
	for _, c := range []struct {
		name      string
		documents map[string]string
		op        aaa.Op
		outcome   string
		levels    []string // account, mode and servers
	}{
		{name: "no document", outcome: "no_servers"},
		{"servers", map[string]string{"customer": doc("on", "a")}, aaa.Authz, "servers", []string{"customer on a"}},
		{"an empty list", map[string]string{"customer": doc("on")}, aaa.Authz, "no_servers", []string{"customer on"}},
		{"no server enabled", map[string]string{"customer": doc("on", "!a")}, aaa.Authn, "no_servers", []string{"customer on"}},
		{"an empty list of authn", map[string]string{"customer": doc("on")}, aaa.Authn, "local_accept", []string{"customer on"}},
		{
			"servers below an empty list",
			map[string]string{"customer": doc("inherit", "a"), "reseller": doc("on")},
			aaa.Authn, "servers",
			[]string{"customer inherit a", "reseller on"},
		},
		{"authorisers alone", map[string]string{"customer": with(doc("on"), apps)}, aaa.Authz, "authz_apps", []string{"customer on"}},
		{"authorisers decide authz alone", map[string]string{"customer": with(doc("on"), apps)}, aaa.Accounting, "no_servers", []string{"customer on"}},
		{"off", map[string]string{"customer": doc("off", "a")}, aaa.Authz, "off", []string{"customer off"}},
		{
			"off above",
			map[string]string{"customer": doc("inherit"), "root": doc("off", "a")},
			aaa.Authz, "off",
			[]string{"root off"},
		},
		{
			"off above what is used",
			map[string]string{"customer": doc("inherit", "a"), "root": doc("off", "b")},
			aaa.Authz, "servers",
			[]string{"customer inherit a"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			for account, d := range c.documents {
				f.put(account, d)
			}
			e, err := f.gateway.Effective(f.ctx, f.ids["customer"], c.op)
			f.must(err)
			var levels []string
			for _, l := range e.Levels {
				name := "?"
				for account, id := range f.ids {
					if id == l.Account {
						name = account
					}
				}
				levels = append(levels, strings.Join(slices.Concat([]string{name, string(l.Mode)}, l.Servers), " "))
			}
			if diff := cmp.Diff(c.levels, levels); diff != "" || e.Outcome != c.outcome {
				t.Errorf("outcome %s, want %s; levels (-want +got):\n%s", e.Outcome, c.outcome, diff)
			}
			res, err := f.ask("customer", c.op, nil)
			if noAnswer := aaa.KindOf(err) == aaa.KindNoAnswer; noAnswer != (c.outcome == "no_servers") {
				t.Errorf("outcome %s, and a request ends with %+v, %v", e.Outcome, res, err)
			}
		})
	}
}

// TestEffectiveWorkers: an ancestor's workers are its own, so they are no part of what is in force below it.
func TestEffectiveWorkers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("reseller", doc("on", "a"))
	for _, account := range []string{"reseller", "customer"} {
		e, err := f.gateway.Effective(f.ctx, f.ids[account], aaa.Authn)
		f.must(err)
		_, listed := e.Levels[0].Sources["workers"]
		if isOwn := account == "reseller"; listed != isOwn || (e.Workers.Account != "") != isOwn || e.Levels[0].Sources["servers"] != f.ids["reseller"] {
			t.Errorf("%s: %+v, sources %v", account, e.Workers, e.Levels[0].Sources)
		}
	}
}
