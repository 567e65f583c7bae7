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

// The members of an account that hold networks.
const (
	serverNetworks = "server_networks"
	clientNetworks = "client_networks"
)

// takeNetworks reads a member of an account that holds networks, and adds its faults.
func takeNetworks(data map[string]any, member string, faults []aaa.Field) ([]netip.Prefix, []aaa.Field) {
	sent, _ := data[member].([]any)
	var list []netip.Prefix
	for i, v := range sent {
		text, _ := v.(string)
		p, err := egress.ParseNetwork(text)
		if err != nil {
			faults = append(faults, aaa.Field{Path: networkPath(member, i), Rule: "pattern", Message: err.Error(), Value: text})
		} else if !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list, faults
}

func networkPath(member string, i int) string { return member + "." + strconv.Itoa(i) }

// keepBounds keeps in a replacement by the account's own token what accounts above set, unless the replacement names it.
func keepBounds(own bool, have, sent map[string]any) map[string]any {
	for _, name := range []string{"limits", serverNetworks, clientNetworks, "realm"} {
		_, named := sent[name]
		if v, set := have[name]; set && !named && own {
			sent[name] = v
		}
	}
	return sent
}

// networksOf are the networks of an account that a member holds.
func networksOf(a store.Account, member string) []netip.Prefix {
	if member == clientNetworks {
		return a.ClientNetworks
	}
	return a.ServerNetworks
}

// checkBounds refuses a change of realm, limits and networks by the account's own token: accounts above set them.
func (s *Accounts) checkBounds(ctx context.Context, own bool, old, next store.Account) error {
	sameLimits := equal(old.Limits, next.Limits)
	var changed []string
	for _, member := range []string{serverNetworks, clientNetworks} {
		if !slices.Equal(networksOf(old, member), networksOf(next, member)) {
			changed = append(changed, member)
		}
	}
	switch {
	case own && old.Realm != next.Realm && old.ParentID != "": // else it could find out which realms accounts beside it have
		return &aaa.Error{Kind: aaa.KindForbidden, Message: "the realm of an account is set by those above it"}
	case own && !sameLimits && old.ParentID != "": // the root account's are the defaults of all below it
		return &aaa.Error{Kind: aaa.KindForbidden, Message: "the limits of an account are set by those above it"}
	case own && changed != nil && old.ParentID == "":
		return &aaa.Error{Kind: aaa.KindForbidden, Message: "the root account has all networks: grant " + changed[0] + " to the accounts below it"}
	case own && changed != nil:
		return &aaa.Error{Kind: aaa.KindForbidden, Message: "the " + changed[0] + " of an account are granted by those above it"}
	}
	return s.checkNetworks(ctx, next, changed...)
}

// checkNetworks refuses to grant an account what the one above it does not have.
func (s *Accounts) checkNetworks(ctx context.Context, next store.Account, members ...string) error {
	var faults []aaa.Field
	for _, member := range members {
		granted := networksOf(next, member)
		if len(granted) == 0 {
			continue
		}
		above, err := s.networks(ctx, next.ParentID, member)
		if err != nil {
			return err
		}
		for i, p := range granted {
			if !slices.Equal(limits.Within([]netip.Prefix{p}, above), []netip.Prefix{p}) {
				faults = append(faults, aaa.Field{
					Path: networkPath(member, i), Rule: "granted", Value: p.String(),
					Message: fmt.Sprintf("%s is not within the %s of the account above, %s: grant it there first", p, member, next.ParentID),
				})
			}
		}
	}
	if faults != nil {
		return aaa.Invalid(faults...)
	}
	return nil
}

// networks are those of a member that an account has in force: as far as all above it have them.
func (b *base) networks(ctx context.Context, id aaa.AccountID, member string) ([]netip.Prefix, error) {
	if member == serverNetworks {
		return b.Tree.Networks(ctx, id)
	}
	a, err := b.Tree.Account(ctx, id)
	if err != nil {
		return nil, err
	}
	if a.ParentID == "" {
		return limits.Everywhere, nil
	}
	if len(a.ClientNetworks) == 0 {
		return nil, nil
	}
	above, err := b.networks(ctx, a.ParentID, member)
	return limits.Within(a.ClientNetworks, above), err
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
