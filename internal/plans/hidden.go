package plans

import (
	"slices"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
)

// hiddenKeys lists the request keys whose values external authorisers must not see: those that a rule
// of any operation puts into a hidden attribute, written by name or by number. It looks into the
// dictionaries of all servers, enabled or not, and into the system's, so that a password is known as one
// although no server is in use.
func (t *Cache) hiddenKeys(doc *aaa.Document, sets []*dict.Set) ([]string, error) {
	if !slices.ContainsFunc(doc.AuthzApps, func(app string) bool { return app != aaa.Circlemaker }) {
		return nil, nil // nobody else is told anything
	}
	sets = append(sets, t.system.Default())
	for _, name := range t.engines.Dictionaries() { // which are not among the default ones
		if own, ok := t.system.Get(name); ok {
			sets = append(sets, dict.NewSet(own))
		}
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
