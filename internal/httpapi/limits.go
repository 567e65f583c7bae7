package httpapi

import (
	"net/netip"

	"aaa-api/internal/aaa"
	"aaa-api/internal/document"
	"aaa-api/internal/limits"
	"aaa-api/internal/web"
)

// checkSize refuses a document of more octets in JSON than the account may have.
func (a *API) checkSize(c *web.Call, octets int) error {
	if c.Account() == aaa.SystemConfig {
		return nil
	}
	have, err := a.Tree.Limits(c.Context(), c.Account())
	if err != nil {
		return err
	}
	if int64(octets) > have.Of(aaa.LimitDocumentOctets) {
		return have.Excess(aaa.LimitDocumentOctets).Error(aaa.KindBadInput, 0)
	}
	return nil
}

// limitView is one limit of an account.
type limitView struct {
	Allowed *int64        `json:"allowed"` // null: no limit
	Source  string        `json:"source"`  // default, account (that of Account) or above (one that the token does not reach)
	Account aaa.AccountID `json:"account_id,omitempty"`
	Used    *int64        `json:"used,omitempty"`
	Bounds  string        `json:"bounds"`
}

// gauges are limits whose use each node counts for itself.
var gauges = []aaa.Limit{aaa.LimitBodyOctets, aaa.LimitConnections}

// rates are limits of so many a second.
var rates = []aaa.Limit{aaa.LimitRequestsPerSecond, aaa.LimitAPIRequests, aaa.LimitUnansweredPackets}

// getLimits shows what an account may use and reach, and what it uses.
func (a *API) getLimits(c *web.Call) error {
	have, err := a.Tree.Limits(c.Context(), c.Account())
	if err != nil {
		return err
	}
	networks, err := a.Tree.Networks(c.Context(), c.Account())
	if err != nil {
		return err
	}
	used, err := a.usage(c, have)
	if err != nil {
		return err
	}
	if networks == nil {
		networks = []netip.Prefix{}
	}
	views := make(map[string]limitView, aaa.NumLimits)
	for l := range aaa.NumLimits {
		v := limitView{Source: "default", Bounds: aaa.LimitTable[l].Unit}
		value := have.Values().Of(l)
		if value.Allowed != limits.Unlimited {
			v.Allowed = &value.Allowed
		}
		switch {
		case value.From != "" && c.Reaches(value.From):
			v.Source, v.Account = "account", value.From
		case value.From != "":
			v.Source = "above"
		}
		if n, counted := used[l]; counted {
			v.Used = &n
		}
		views[l.Name()] = v
	}
	return c.Reply(web.Answer{Data: struct {
		Account  aaa.AccountID        `json:"account_id"`
		Limits   map[string]limitView `json:"limits"`
		Networks []netip.Prefix       `json:"server_networks"`
	}{c.Account(), views, networks}})
}

// usage is what an account uses, as far as it is counted. What the store counts is not among it while that is away.
func (a *API) usage(c *web.Call, have *limits.Account) (map[aaa.Limit]int64, error) {
	used, err := a.Store.Accounts().Usage(c.Context(), c.Account())
	if aaa.KindOf(err) == aaa.KindUnavailable {
		used, err = make(map[aaa.Limit]int64), nil
	}
	if err != nil {
		return nil, err
	}
	for _, l := range rates {
		used[l] = have.Taken(l, c.Start())
	}
	for _, l := range gauges {
		used[l] = have.Used(l).Load()
	}
	used[aaa.LimitDocumentOctets] = 0
	d, err := a.Tree.Document(c.Account())
	if aaa.KindOf(err) == aaa.KindNotFound {
		return used, nil
	}
	if err != nil {
		return nil, err
	}
	masked, err := document.Mask(d.Body)
	used[aaa.LimitDocumentOctets] = int64(len(masked))
	return used, err
}
