package httpapi

import (
	"fmt"
	"net/http"
	"net/netip"

	"aaa-api/internal/aaa"
	"aaa-api/internal/document"
	"aaa-api/internal/limits"
)

// explain says of a limit that was reached which one it is, who set it as far as the caller may see them, and what to do.
func (c *call) explain(f *failure) {
	e := f.excess
	c.api.Tree.Refusals().Refused(e.Limit)
	name := e.Limit.Name()
	whose := "an account above"
	if c.reaches(e.Account) {
		whose = "account " + string(e.Account)
	}
	set, next := "the default", "an account above can raise it"
	switch {
	case e.From != "" && c.reaches(e.From):
		set = "set on account " + string(e.From)
	case e.From != "":
		set = "set by an account above"
	}
	raise := e.From // where the value has to be raised
	if raise == "" {
		raise = e.Account
	}
	if raise != c.who.Account && c.who.Account != "" && c.reaches(raise) {
		next = fmt.Sprintf(`raise it with PATCH /v2/accounts/%s {"data": {"limits": {"%s": …}}}`, raise, name)
	}
	switch f.status {
	case http.StatusConflict:
		next = "delete some, or " + next
	case http.StatusBadRequest:
		next = "shorten it, or " + next
	}
	f.detail = fmt.Sprintf("%s is at its limit %s: %d (%s), %s; %s", whose, name, e.Allowed, aaa.LimitTable[e.Limit].Unit, set, next)
	f.fields = []aaa.Field{{Path: "limits." + name, Rule: "limit", Message: f.detail, Target: e.Allowed}}
}

// reaches reports whether the caller's token reaches an account.
func (c *call) reaches(id aaa.AccountID) bool {
	who := c.who.Account
	if who == "" {
		who = c.account // an API key's
	}
	within, err := c.api.Tree.Within(c.ctx(), who, id)
	return err == nil && within
}

// checkSize refuses a document of more octets in JSON than the account may have.
func (a *API) checkSize(c *call, octets int) error {
	if c.account == aaa.SystemConfig {
		return nil
	}
	have, err := a.Tree.Limits(c.ctx(), c.account)
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

// checkRate takes a request that is no AAA request from the rate of the token's account.
func (c *call) checkRate() error {
	if c.route.scope == mayRequest {
		return nil // the gateway's
	}
	have, err := c.api.Tree.Limits(c.ctx(), c.who.Account)
	if err != nil {
		return err
	}
	return have.Take(aaa.LimitAPIRequests, c.start)
}

// getLimits shows what an account may use and reach, and what it uses.
func (a *API) getLimits(c *call) error {
	have, err := a.Tree.Limits(c.ctx(), c.account)
	if err != nil {
		return err
	}
	networks, err := a.Tree.Networks(c.ctx(), c.account)
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
		case value.From != "" && c.reaches(value.From):
			v.Source, v.Account = "account", value.From
		case value.From != "":
			v.Source = "above"
		}
		if n, counted := used[l]; counted {
			v.Used = &n
		}
		views[l.Name()] = v
	}
	return c.reply(answer{data: struct {
		Account  aaa.AccountID        `json:"account_id"`
		Limits   map[string]limitView `json:"limits"`
		Networks []netip.Prefix       `json:"server_networks"`
	}{c.account, views, networks}})
}

// usage is what an account uses, as far as it is counted. What the store counts is not among it while that is away.
func (a *API) usage(c *call, have *limits.Account) (map[aaa.Limit]int64, error) {
	used, err := a.Store.Accounts().Usage(c.ctx(), c.account)
	if isUnavailable(err) {
		used, err = make(map[aaa.Limit]int64), nil
	}
	if err != nil {
		return nil, err
	}
	for _, l := range rates {
		used[l] = have.Taken(l, c.start)
	}
	for _, l := range gauges {
		used[l] = have.Used(l).Load()
	}
	used[aaa.LimitDocumentOctets] = 0
	d, err := a.Tree.Document(c.account)
	if isNotFound(err) {
		return used, nil
	}
	if err != nil {
		return nil, err
	}
	masked, err := document.Mask(d.Body)
	used[aaa.LimitDocumentOctets] = int64(len(masked))
	return used, err
}
