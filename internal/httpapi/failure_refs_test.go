package httpapi

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
)

// TestReferenceFailures: what documents refer to is told by kind, and both kinds at once.
func TestReferenceFailures(t *testing.T) {
	t.Parallel()
	accounts := []aaa.AccountID{"a", "b"}
	ref := func(kind store.RefKind, name string) store.Ref {
		return store.Ref{Kind: kind, Account: "a", Name: name}
	}
	const dictionary, table = store.RefDictionary, store.RefFSM
	type field struct {
		Path, Rule string
		Target     any
	}
	for name, c := range map[string]struct {
		err    error
		detail string
		want   []field
	}{
		"dictionary in use": {
			&store.InUseError{Kind: dictionary, Accounts: accounts},
			"the documents of these accounts name the dictionary",
			[]field{{"dictionary", "in_use", accounts}},
		},
		"table in use": {
			&store.InUseError{Kind: table, Accounts: accounts},
			"the documents of these accounts name the table",
			[]field{{"fsm", "in_use", accounts}},
		},
		"dictionaries left": {
			&store.LeftBehindError{Kinds: []store.RefKind{dictionary}, Accounts: accounts},
			"the documents of these accounts name dictionaries of an account that would no longer be above them",
			[]field{{"to", "dictionaries", accounts}},
		},
		"both left": {
			&store.LeftBehindError{Kinds: []store.RefKind{dictionary, table}, Accounts: accounts},
			"the documents of these accounts name dictionaries of an account that would no longer be above them",
			[]field{{"to", "dictionaries", accounts}, {"to", "fsm", accounts}},
		},
		"tables missing": {
			&store.MissingError{Refs: []store.Ref{ref(table, "t")}},
			"the document names state machine tables that are gone: t",
			[]field{{"fsm", "missing", []string{"t"}}},
		},
		"both missing": {
			&store.MissingError{Refs: []store.Ref{ref(dictionary, "d"), ref(table, "t"), ref(dictionary, "e")}},
			"the document names dictionaries that are gone: d, e",
			[]field{{"servers.dicts", "missing", []string{"d", "e"}}, {"fsm", "missing", []string{"t"}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := refused(errors.Join(errors.New("write"), c.err))
			if f.Status != 409 || f.Slug != web.SlugConflict || f.Detail != c.detail {
				t.Errorf("classified as %d %s: %s", f.Status, f.Slug, f.Detail)
			}
			var got []field
			for _, in := range f.Fields {
				got = append(got, field{in.Path, in.Rule, in.Target})
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}
