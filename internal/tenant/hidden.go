package tenant

import (
	"slices"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
)

// tacacsDictionary is the system's dictionary of TACACS+, which is not among those that
// everything may refer to.
const tacacsDictionary = "dictionary_tacacs"

// hiddenKeys lists the request keys whose values external authorisers are not told: those that a rule
// of any operation puts into a hidden attribute, written by name or by number. It goes by the
// dictionaries of all servers, enabled or not, and by the system's, so that no server needs to be in use for
// a password to be known as one.
func (t *Tenants) hiddenKeys(doc *aaa.Document, sets []*dict.Set) ([]string, error) {
	if !slices.ContainsFunc(doc.AuthzApps, func(app string) bool { return app != aaa.Circlemaker }) {
		return nil, nil // nobody else is told anything
	}
	sets = append(sets, t.system.Default())
	if tacacs, ok := t.system.Get(tacacsDictionary); ok {
		sets = append(sets, dict.NewSet(tacacs))
	}
	var keys []string
	for op := range aaa.Op(aaa.NumOps) {
		program, err := t.program(op, doc.Rules(op))
		if err != nil {
			return nil, err
		}
		for _, set := range sets {
			keys = append(keys, program.Bind(set, aaa.CustomAVP).HiddenKeys()...) // a strict server drops some, which are passwords all the same
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}
