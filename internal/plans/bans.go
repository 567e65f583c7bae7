package plans

import (
	"aaa-api/internal/aaa"
	"aaa-api/internal/bans"
)

// policies are the bans of authn requests, none if nobody is asked. A key that a rule of any document in force takes to a secret is
// left out: the rules or dictionaries may have changed since the key was written, or be another account's.
func policies(r *Route) []*bans.Policy {
	if !r.Outcome.Asks() {
		return nil
	}
	var list []*bans.Policy
	for _, s := range r.Walk {
		if p := s.Level.Bans; p != nil && s.Level.Mode != aaa.ModeOff {
			list = append(list, p)
		}
	}
	if list == nil {
		return nil
	}
	var secret []string
	for _, l := range r.Levels {
		for _, s := range l.Servers {
			if rules := s.Rules[aaa.Authn]; rules != nil {
				secret = append(secret, rules.SecretKeys()...)
			}
		}
	}
	kept := list[:0]
	for _, p := range list {
		if p = p.Without(secret); p != nil {
			kept = append(kept, p)
		}
	}
	return kept
}
