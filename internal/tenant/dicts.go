package tenant

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/store"
)

// storedDict is an account's own dictionary, ready for use.
type storedDict struct {
	revision int64
	compiled *dict.Compiled
}

// inherited returns what the dictionaries of an account below these ancestors (root first) may
// refer to: the ancestors' own, nearest first, and the system's.
func (t *Tenants) inherited(ctx context.Context, ancestors []aaa.AccountID) (*dict.Set, error) {
	visible := t.system.Default()
	for _, owner := range ancestors {
		list, err := t.store.Dictionaries().All(ctx, owner)
		if err != nil {
			return nil, err
		}
		if len(list) > 0 {
			visible = before(t.compileDicts(list, visible, nil), visible)
		}
	}
	return visible, nil
}

// before puts an account's own dictionaries in front of those it inherits.
func before(own map[string]storedDict, inherited *dict.Set) *dict.Set {
	list := make([]*dict.Compiled, 0, len(own))
	for _, d := range own {
		list = append(list, d.compiled)
	}
	return dict.NewSet(list...).Join(inherited)
}

// compileDicts compiles an account's dictionaries, which may refer to each other and
// to what is inherited. One that does not compile keeps its predecessor from an
// earlier state, and is left out where there was none.
func (t *Tenants) compileDicts(list []store.Dictionary, inherited *dict.Set, earlier *state) map[string]storedDict {
	dicts := make(map[string]storedDict, len(list))
	if len(list) > 1 { // first alone, to be there for each other
		for _, d := range list {
			if c, err := compileDict(d, inherited); err == nil {
				dicts[d.Name] = storedDict{d.Revision, c}
			}
		}
		inherited = before(dicts, inherited)
	}
	for _, d := range list {
		c, err := compileDict(d, inherited)
		if err == nil {
			dicts[d.Name] = storedDict{d.Revision, c}
			continue
		}
		t.log.Error("stored dictionary does not compile", "account", d.Account, "dictionary", d.Name, "revision", d.Revision, "error", err)
		if earlier != nil {
			if previous, ok := earlier.dicts[d.Name]; ok {
				dicts[d.Name] = previous
			}
		}
	}
	return dicts
}

func compileDict(d store.Dictionary, visible *dict.Set) (*dict.Compiled, error) {
	entries, err := dict.ParseJSON(d.Body)
	if err != nil {
		return nil, err
	}
	return dict.Compile(d.Name, entries, visible)
}
