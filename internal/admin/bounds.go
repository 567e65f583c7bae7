package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"aaa-api/internal/aaa"
	"aaa-api/internal/document"
	"aaa-api/internal/egress"
	"aaa-api/internal/limits"
	"aaa-api/internal/schema"
	"aaa-api/internal/store"
)

// takeLimits reads the member limits of an account, nil if it sets none.
func takeLimits(data map[string]any) (*aaa.Limits, error) {
	sent, _ := data["limits"].(map[string]any)
	l := aaa.NoLimits()
	var faults []aaa.Field
	for name, v := range sent {
		limit, known := aaa.LimitByName(name)
		number, set := v.(json.Number)
		switch path := "limits." + name; {
		case !known:
			faults = append(faults, aaa.Field{Path: path, Rule: "unknown", Message: schema.Unknown("is not a limit", name, aaa.LimitNames())})
		case set:
			n, err := strconv.ParseInt(number.String(), 10, 64)
			if most := aaa.LimitTable[limit].Max; err != nil || n > most {
				faults = append(faults, aaa.Field{Path: path, Rule: "maximum", Message: fmt.Sprintf("must be at most %d", most), Target: most, Value: number})
				continue
			}
			l[limit] = n
		}
	}
	if faults != nil {
		return nil, aaa.Invalid(faults...)
	}
	return l.OrNil(), nil
}

// takeNetworks reads the member server_networks of an account.
func takeNetworks(data map[string]any) ([]netip.Prefix, error) {
	sent, _ := data["server_networks"].([]any)
	var list []netip.Prefix
	var faults []aaa.Field
	for i, v := range sent {
		text, _ := v.(string)
		p, err := egress.ParseNetwork(text)
		if err != nil {
			faults = append(faults, aaa.Field{Path: networkPath(i), Rule: "pattern", Message: err.Error(), Value: text})
		} else if !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	if faults != nil {
		return nil, aaa.Invalid(faults...)
	}
	return list, nil
}

func networkPath(i int) string { return "server_networks." + strconv.Itoa(i) }

// keepBounds keeps in a replacement by the account's own token what accounts above set, unless the replacement names it.
func keepBounds(own bool, have, sent map[string]any) map[string]any {
	for _, name := range []string{"limits", "server_networks", "realm"} {
		_, named := sent[name]
		if v, set := have[name]; set && !named && own {
			sent[name] = v
		}
	}
	return sent
}

// checkBounds refuses a change of realm, limits and networks by the account's own token: accounts above set them.
func (s *Accounts) checkBounds(ctx context.Context, own bool, old, next store.Account) error {
	sameLimits := equal(old.Limits, next.Limits)
	sameNetworks := slices.Equal(old.ServerNetworks, next.ServerNetworks)
	switch {
	case own && old.Realm != next.Realm && old.ParentID != "": // else it could find out which realms accounts beside it have
		return &aaa.Error{Kind: aaa.KindForbidden, Message: "the realm of an account is set by those above it"}
	case own && !sameLimits && old.ParentID != "": // the root account's are the defaults of all below it
		return &aaa.Error{Kind: aaa.KindForbidden, Message: "the limits of an account are set by those above it"}
	case own && !sameNetworks && old.ParentID == "":
		return &aaa.Error{Kind: aaa.KindForbidden, Message: "the root account has all networks: grant server_networks to the accounts below it"}
	case own && !sameNetworks:
		return &aaa.Error{Kind: aaa.KindForbidden, Message: "the server_networks of an account are granted by those above it"}
	case sameNetworks:
		return nil
	}
	return s.checkNetworks(ctx, next)
}

// checkNetworks refuses to grant an account what the one above it does not have.
func (s *Accounts) checkNetworks(ctx context.Context, next store.Account) error {
	if len(next.ServerNetworks) == 0 {
		return nil
	}
	above, err := s.Tree.Networks(ctx, next.ParentID)
	if err != nil {
		return err
	}
	var faults []aaa.Field
	for i, p := range next.ServerNetworks {
		if !slices.Equal(limits.Within([]netip.Prefix{p}, above), []netip.Prefix{p}) {
			faults = append(faults, aaa.Field{
				Path: networkPath(i), Rule: "granted", Value: p.String(),
				Message: fmt.Sprintf("%s is not within the server_networks of the account above, %s: grant it there first", p, next.ParentID),
			})
		}
	}
	if faults != nil {
		return aaa.Invalid(faults...)
	}
	return nil
}

// warnCapped names the limits of an account that are higher than what the account above it has, and so have no effect.
func (s *Accounts) warnCapped(ctx context.Context, who *Caller, account store.Account) ([]document.Warning, error) {
	if account.Limits == nil || account.ID == who.Account { // its own token must not learn of the account above
		return nil, nil
	}
	parent, err := s.Tree.Account(ctx, account.ParentID)
	if err != nil || parent.ParentID == "" { // below the root account any value holds
		return nil, err
	}
	above, err := s.Tree.Limits(ctx, account.ParentID)
	if err != nil {
		return nil, err
	}
	var list []document.Warning
	for i, n := range account.Limits {
		if l := aaa.Limit(i); n != aaa.NotSet && n > above.Of(l) {
			list = append(list, document.Warning{
				Path: "limits." + l.Name(), Rule: "capped",
				Message: fmt.Sprintf("the account above, %s, has %d: no more than that is in force", account.ParentID, above.Of(l)),
			})
		}
	}
	return list, nil
}

func equal(a, b *aaa.Limits) bool { return a == b || a != nil && b != nil && *a == *b }
