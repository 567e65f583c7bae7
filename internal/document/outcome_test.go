package document

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
)

// What documents of the tests hold; the server b is not enabled.
const twoServers = `"servers":[{"name":"a","enabled":true},{"name":"b","enabled":false}]`

func stances(t *testing.T, members string) *Stances {
	t.Helper()
	if members == "" {
		return nil
	}
	s, err := StancesIn([]byte(`{` + members + `}`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestOutcomes: what an account meets, by the documents from the system configuration's down to its own.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	const (
		off     = `"aaa_mode":"off"`
		empty   = `"aaa_mode":"on"`
		on      = `"aaa_mode":"on",` + twoServers + `,"authentication":["a"],"authorization":["a"],"accounting":["a"],"custom":["a"]`
		idle    = `"aaa_mode":"on",` + twoServers + `,"authentication":["b"]`
		inherit = `"aaa_mode":"inherit"`
		own     = `"aaa_mode":"inherit",` + twoServers + `,"authentication":["a"]`
		apps    = `"aaa_mode":"on",` + twoServers + `,"authorization":["a"],"authz_apps":["jonny5"]`
		both    = `"aaa_mode":"on",` + twoServers + `,"authorization":["a"],"authz_apps":["circlemaker","jonny5"]`
		table   = `"aaa_mode":"inherit","fsm":"mine"`
		plain   = `"aaa_mode":"on","fsm":"sequential"`
	)
	for _, c := range []struct {
		chain []string
		want  Outcomes
	}{
		{nil, Everywhere(NoServers)},
		{[]string{"", "", ""}, Everywhere(NoServers)},
		{[]string{off}, Everywhere(Off)},
		{[]string{on, inherit, ""}, Everywhere(Servers)},
		{[]string{on, off, inherit}, Everywhere(Off)},
		{[]string{off, on}, Everywhere(Servers)},
		{[]string{off, own}, Outcomes{Servers, Off, Off, Off}},
		{[]string{empty}, Outcomes{LocalAccept, NoServers, NoServers, NoServers}},
		{[]string{plain, ""}, Outcomes{LocalAccept, NoServers, NoServers, NoServers}},
		{[]string{on, empty, inherit}, Outcomes{LocalAccept, NoServers, NoServers, NoServers}},
		{[]string{on, idle}, Everywhere(NoServers)},
		{[]string{apps}, Outcomes{LocalAccept, AuthzApps, NoServers, NoServers}},
		{[]string{both}, Outcomes{LocalAccept, Servers, NoServers, NoServers}},
		{[]string{off, table}, Everywhere(Servers)},
	} {
		got := Everywhere(NoServers)
		for _, d := range c.chain {
			got = got.Below(true, stances(t, d))
		}
		if got != c.want {
			t.Errorf("%q: %v, want %v", c.chain, got, c.want)
		}
		if got := got.Below(false, nil).Below(true, stances(t, on)); got != Everywhere(Disabled) {
			t.Errorf("%q, below a disabled account: %v", c.chain, got)
		}
	}
	if _, err := StancesIn([]byte(`[`)); err == nil {
		t.Error("a damaged document has stances")
	}
}

// TestEffects: an effect names the accounts that really meet another outcome, wherever they are below.
func TestEffects(t *testing.T) {
	t.Parallel()
	inherit := stances(t, `"aaa_mode":"inherit"`)
	authnOnly := stances(t, `"aaa_mode":"inherit",`+twoServers+`,"authentication":["a"]`)
	heirs := []Heir{
		{"plain", "top", true, nil},
		{"inherits", "top", true, inherit},
		{"below", "inherits", true, nil},
		{"authn", "top", true, authnOnly},
		{"underauthn", "authn", true, nil},
		{"own", "top", true, stances(t, `"aaa_mode":"off"`)},
		{"underown", "own", true, nil},
		{"disabled", "top", false, nil},
		{"underdisabled", "disabled", true, nil},
		{"elsewhere", "nobody", true, nil},
	}
	every := []aaa.AccountID{"authn", "below", "inherits", "plain", "underauthn"}
	want := []Effect{
		{aaa.Authn, Servers, Off, []aaa.AccountID{"below", "inherits", "plain"}, 3},
		{aaa.Authz, Servers, Off, every, 5},
		{aaa.Accounting, Servers, Off, every, 5},
		{aaa.Custom, Servers, Off, every, 5},
	}
	if d := cmp.Diff(want, Effects(heirs, "top", Everywhere(Servers), Everywhere(Off))); d != "" {
		t.Error(d)
	}
	if got := Effects(heirs, "top", Everywhere(Off), Everywhere(Off)); len(got) != 0 {
		t.Errorf("no change has the effects %v", got)
	}
	// A top that is disabled takes all with it, each from its own outcome.
	got := Effects(heirs, "top", Everywhere(Servers), Everywhere(Disabled))
	if len(got) != 8 || got[0].From != Off || got[0].Total != 2 || got[1].From != Servers || got[1].Total != 5 {
		t.Errorf("disabled: %+v", got)
	}

	var many []Heir
	for i := range 50 {
		many = append(many, Heir{aaa.AccountID(fmt.Sprintf("%02d", 49-i)), "top", true, nil})
	}
	got = Effects(many, "top", Everywhere(Servers), Outcomes{Off, Servers, Servers, Servers})
	if len(got) != 1 || got[0].Total != 50 || len(got[0].Accounts) != MaxNamed || got[0].Accounts[19] != "19" {
		t.Errorf("of many: %+v", got)
	}
}
