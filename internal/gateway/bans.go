package gateway

import (
	"context"
	"slices"

	"aaa-api/internal/aaa"
	"aaa-api/internal/bans"
	"aaa-api/internal/store"
)

// BanSubjects are what the documents in force for an account's logins know a value of a key by, the nearest document's first. The error is
// KindBadInput if none of them scores by the key.
func (g *Gateway) BanSubjects(ctx context.Context, account aaa.AccountID, key, value string) ([]bans.Subject, error) {
	plan, err := g.tenants.Plan(ctx, account)
	if err != nil {
		return nil, err
	}
	var list []bans.Subject
	keys := []string{}
	for _, p := range plan.Routes[aaa.Authn].Bans {
		keys = append(keys, p.By...)
		if slices.Contains(p.By, key) {
			list = append(list, g.bans.Subject(account, p, key, value))
		}
	}
	if list == nil {
		slices.Sort(keys)
		return nil, aaa.Invalid(aaa.Field{
			Path: "key", Rule: "enum", Message: "must be a key that the member bans of a document in force names", Target: slices.Compact(keys), Value: aaa.Shorten(key),
		})
	}
	return list, nil
}

// KnowBan has this node go by a ban that was changed in the store.
func (g *Gateway) KnowBan(b store.Ban) { g.bans.Know(b) }
