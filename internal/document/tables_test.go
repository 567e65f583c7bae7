package document

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

func TestPrepareRefusesTablesAndRealms(t *testing.T) {
	t.Parallel()
	rules := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(`"r%d":{}`, i))
		}
		return strings.Join(list, ",")
	}
	entries := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(`"r%d.example":"server1"`, i))
		}
		return strings.Join(list, ",")
	}
	for name, c := range map[string]struct {
		patch string
		want  []string
	}{
		"no such table": {`"fsm":"nope"`, []string{"fsm exists"}},
		"no such table of an operation": {
			`"fsm":{"authn":"nope","authz":"all","custom":"nope"}`, []string{"fsm.authn exists", "fsm.custom exists"},
		},
		"another form":             {`"fsm":["all"]`, []string{"fsm type"}},
		"a name that can't be":     {`"fsm":"-all"`, []string{"fsm pattern"}},
		"no name":                  {`"fsm":""`, []string{"fsm pattern"}},
		"a long name":              {`"fsm":{"authz":"` + strings.Repeat("a", 65) + `"}`, []string{"fsm.authz pattern"}},
		"another operation":        {`"fsm":{"authen":"all"}`, []string{"fsm.authen unknown"}},
		"a target that is none":    {`"realms":{"home":{"b.example":"server2","*":"server1","":"authorization","a.example":"Custom"}}`, []string{"realms.home.a.example exists", "realms.home.b.example exists"}},
		"a realm in two cases":     {`"realms":{"home":{"a.example":"server1","A.example":"server1"}}`, []string{"realms.home.a.example unique"}},
		"a realm that can't be":    {`"realms":{"home":{"a b":"server1"}}`, []string{"realms.home.a b pattern"}},
		"a long realm":             {`"realms":{"home":{"` + strings.Repeat("a", 254) + `":"server1"}}`, []string{"realms.home." + strings.Repeat("a", 128) + "… maxLength"}},
		"a rule that can't be":     {`"realms":{"a/b":{}}`, []string{"realms.a/b pattern"}},
		"a target that is no text": {`"realms":{"home":{"*":{}}}`, []string{"realms.home.* type"}},
		"too many rules":           {`"realms":{` + rules(65) + `}`, []string{"realms maxProperties"}},
		"too many realms":          {`"realms":{"home":{` + entries(1025) + `}}`, []string{"realms.home maxProperties"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newPreparer(t).Prepare(t.Context(), account, patched(t, "{"+c.patch+"}"), nil)
			if diff := cmp.Diff(c.want, faultsOf(t, err)); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
	prepare(t, patched(t, `{"realms":{`+rules(63)+`,"r63":{`+entries(1024)+`}}}`), nil)
	long := strings.Repeat("a", 64)
	prepare(t, patched(t, `{"fsm":{"x-note":1},"realms":{"`+long+`":{"`+strings.Repeat("b.", 126)+`c":"server1","_a-b.C":"server1"}}}`), nil)
}

// TestPrepareUsesTables: the store is told of each stored table once, and of no built-in one.
func TestPrepareUsesTables(t *testing.T) {
	t.Parallel()
	got := prepare(t, patched(t, `{"fsm":{"authn":"all","authz":"all","accounting":"starts","custom":"servers"}}`), nil)
	want := []store.Ref{
		{Kind: store.RefFSM, Account: account, Name: "all"},
		{Kind: store.RefFSM, Account: aaa.AccountID(strings.Repeat("a", 32)), Name: "starts"},
	}
	if diff := cmp.Diff(want, got.Uses); diff != "" {
		t.Errorf("uses (-want +got):\n%s", diff)
	}
	d, err := Decode(t.Context(), account, got.Body, vault{})
	if err != nil {
		t.Fatal(err)
	}
	if d.Table(aaa.Authn) != "all" || d.Table(aaa.Accounting) != "starts" {
		t.Errorf("decoded: %+v", d.FSM)
	}
}

func TestTableWarnings(t *testing.T) {
	t.Parallel()
	const two = `"servers":[{"enabled":true,"name":"server1","address":"h","port":1,"secret":"s","aaa_engine":"radius","dicts":[]},
		{"enabled":true,"name":"server2","address":"h","port":1,"secret":"s","aaa_engine":"radius","dicts":[]}],"authorization":[],`
	for name, c := range map[string]struct {
		patch string
		want  []string
	}{
		"takes everything":                {`"fsm":"all"`, nil},
		"one kind of an operation":        {`"fsm":{"accounting":"starts"}`, nil},
		"none of an operation":            {`"fsm":{"authn":"starts"}`, []string{"fsm.authn unhandled authn"}},
		"none of several":                 {`"fsm":"starts"`, []string{"fsm unhandled authn, authz, custom"}},
		"servers that only a table names": {two + `"fsm":{"authn":"servers"}`, nil},
		"servers that only a rule names":  {two + `"custom":["server2"],"realms":{"r":{"*":"server1"}}`, nil},
		"servers that nothing names":      {two + `"realms":{"r":{"*":"accounting"}}`, []string{"servers.0.name unused", "servers.1.name unused"}},
		"no server of the name": {
			`"fsm":{"authn":"lost"}`, []string{"fsm.authn unknown_server RAD2RAD to nowhere", "fsm.authn unknown_server RADDNS to Accounting"},
		},
		"no rule of the name": {`"realms":{"home":{}},"fsm":{"authn":"realms"}`, []string{"fsm.authn unknown_rule away"}},
		"no file of the name": {`"fsm":{"authn":"files"}`, []string{"fsm.authn unknown_file guests"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var list []string
			for _, w := range prepare(t, patched(t, `{"authz_apps":[],"authz_avp_translation":[],`+c.patch+"}"), nil).Warnings {
				list = append(list, w.Path+" "+w.Rule+" "+w.Message)
			}
			if len(list) != len(c.want) {
				t.Fatalf("%d warnings: %q, want %q", len(list), list, c.want)
			}
			for i, want := range c.want {
				path, rest, _ := strings.Cut(want, " ")
				rule, detail, _ := strings.Cut(rest, " ")
				if !strings.HasPrefix(list[i], path+" "+rule+" ") || !strings.Contains(list[i], detail) {
					t.Errorf("%q, want %q", list[i], want)
				}
			}
		})
	}
}

// TestPrepareOfTablesPassesFailuresOn: a store that is away is no fault of the document.
func TestPrepareOfTablesPassesFailuresOn(t *testing.T) {
	t.Parallel()
	c := newCatalog(t)
	c.err = fmt.Errorf("dial: %w", store.ErrUnavailable)
	doc := patched(t, `{"servers":[],"authorization":[],"fsm":"all"}`)
	if _, err := NewPreparer(c, vault{}, radiusOnly{}).Prepare(t.Context(), account, doc, nil); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("tables: %v", err)
	}
	files := filesAway{newCatalog(t)}
	doc = patched(t, `{"fsm":"files"}`)
	if _, err := NewPreparer(files, vault{}, radiusOnly{}).Prepare(t.Context(), account, doc, nil); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("users files: %v", err)
	}
}

// filesAway is a catalog whose users files can't be reached.
type filesAway struct{ catalog }

func (filesAway) UsersFile(context.Context, aaa.AccountID, string) (bool, error) {
	return false, store.ErrUnavailable
}
