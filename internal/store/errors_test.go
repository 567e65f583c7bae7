package store_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// TestReferenceErrors: an error names what documents refer to by kind, and both kinds at once.
func TestReferenceErrors(t *testing.T) {
	t.Parallel()
	accounts := []aaa.AccountID{"a", "b"}
	ref := func(kind store.RefKind, name string) store.Ref {
		return store.Ref{Kind: kind, Account: "a", Name: name}
	}
	const dictionary, table = store.RefDictionary, store.RefFSM
	names := []string{"a", "b"}
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
			[]field{{"dictionary", "in_use", names}},
		},
		"table in use": {
			&store.InUseError{Kind: table, Accounts: accounts},
			"the documents of these accounts name the table",
			[]field{{"fsm", "in_use", names}},
		},
		"dictionaries left": {
			&store.LeftBehindError{Kinds: []store.RefKind{dictionary}, Accounts: accounts},
			"the documents of these accounts name dictionaries of an account that would no longer be above them",
			[]field{{"to", "dictionaries", names}},
		},
		"both left": {
			&store.LeftBehindError{Kinds: []store.RefKind{dictionary, table}, Accounts: accounts},
			"the documents of these accounts name dictionaries of an account that would no longer be above them",
			[]field{{"to", "dictionaries", names}, {"to", "fsm", names}},
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
			var e *aaa.Error
			if !errors.As(errors.Join(errors.New("write"), c.err), &e) || e.Kind != aaa.KindConflict || e.Message != c.detail {
				t.Fatalf("means %+v", e)
			}
			var got []field
			for _, in := range e.Fields {
				got = append(got, field{in.Path, in.Rule, in.Target})
			}
			for _, in := range aaa.DataOf(c.err).Fields {
				if in.Target == nil {
					t.Errorf("%s loses its target on the way to another process", in.Path)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

// TestErrorsHaveKinds: each error of the contract means something outside, and what is added to one use of it is not there in the next.
func TestErrorsHaveKinds(t *testing.T) {
	t.Parallel()
	for err, kind := range map[error]aaa.Kind{
		store.ErrNotFound:    aaa.KindNotFound,
		store.ErrExists:      aaa.KindConflict,
		store.ErrStale:       aaa.KindStale,
		store.ErrCycle:       aaa.KindConflict,
		store.ErrHasChildren: aaa.KindConflict,
		store.ErrTooDeep:     aaa.KindConflict,
		store.ErrUnavailable: aaa.KindUnavailable,
		store.ErrNoOrphan:    aaa.KindForbidden,

		&store.ExistsError{Member: "realm"}:                           aaa.KindConflict,
		&store.MissingError{}:                                         aaa.KindConflict,
		&store.LimitError{Excess: aaa.Excess{Limit: aaa.LimitTokens}}: aaa.KindConflict,
	} {
		wrapped := fmt.Errorf("write: %w", err)
		if !errors.Is(wrapped, err) {
			t.Errorf("%v is lost", err)
		}
		var first, second *aaa.Error
		if !errors.As(wrapped, &first) || first.Kind != kind {
			t.Errorf("%v means %+v", err, first)
			continue
		}
		first.Trace = &aaa.Trace{}
		if errors.As(wrapped, &second); second.Trace != nil {
			t.Errorf("%v keeps what one caller adds", err)
		}
	}
	if limit := (*aaa.Error)(nil); !errors.As(&store.LimitError{Excess: aaa.Excess{Limit: aaa.LimitTokens}}, &limit) || limit.Excess == nil {
		t.Error("the limit is lost")
	}
}
