package admin

import (
	"context"
	"net/netip"

	"aaa-api/internal/aaa"
	"aaa-api/internal/document"
	"aaa-api/internal/limits"
)

// checkSize refuses a document of more octets in JSON than the account may have.
func (b *base) checkSize(ctx context.Context, account aaa.AccountID, octets int) error {
	if account == aaa.SystemConfig {
		return nil
	}
	have, err := b.Tree.Limits(ctx, account)
	if err != nil {
		return err
	}
	if int64(octets) > have.Of(aaa.LimitDocumentOctets) {
		return have.Excess(aaa.LimitDocumentOctets).Error(aaa.KindBadInput, 0)
	}
	return nil
}

// Allowance is what an account may use and reach, and what it uses.
type Allowance struct {
	Account        aaa.AccountID    `json:"account_id"`
	Limits         map[string]Limit `json:"limits"`
	Networks       []string         `json:"server_networks"`
	ClientNetworks []string         `json:"client_networks"`
}

// Limit is one limit of an account.
type Limit struct {
	Allowed *int64        `json:"allowed"` // null: no limit
	Source  string        `json:"source"`  // default, account (that of Account) or above (one that the caller does not reach)
	Account aaa.AccountID `json:"account_id,omitempty"`
	Used    *int64        `json:"used,omitempty"`
	Bounds  string        `json:"bounds"`
}

// gauges are limits whose use each node counts for itself.
var gauges = []aaa.Limit{aaa.LimitBodyOctets, aaa.LimitConnections}

// rates are limits of so many a second.
var rates = []aaa.Limit{aaa.LimitRequestsPerSecond, aaa.LimitAPIRequests, aaa.LimitUnansweredPackets}

// Limits returns what an account may use and reach, and what it uses.
func (s *Accounts) Limits(ctx context.Context, who *Caller, account aaa.AccountID) (Allowance, error) {
	have, err := s.Tree.Limits(ctx, account)
	if err != nil {
		return Allowance{}, err
	}
	servers, err := s.networks(ctx, account, serverNetworks)
	if err != nil {
		return Allowance{}, err
	}
	clients, err := s.networks(ctx, account, clientNetworks)
	if err != nil {
		return Allowance{}, err
	}
	used, err := s.usage(ctx, who, account, have)
	if err != nil {
		return Allowance{}, err
	}
	all := make(map[string]Limit, aaa.NumLimits)
	for l := range aaa.NumLimits {
		v := Limit{Source: "default", Bounds: aaa.LimitTable[l].Unit}
		value := have.Values().Of(l)
		if value.Allowed != limits.Unlimited {
			v.Allowed = &value.Allowed
		}
		switch {
		case value.From != "" && s.reaches(ctx, who, value.From):
			v.Source, v.Account = "account", value.From
		case value.From != "":
			v.Source = "above"
		}
		if n, counted := used[l]; counted {
			v.Used = &n
		}
		all[l.Name()] = v
	}
	return Allowance{account, all, prefixes(servers), prefixes(clients)}, nil
}

// prefixes are networks as readers see them.
func prefixes(list []netip.Prefix) []string {
	texts := make([]string, len(list))
	for i, p := range list {
		texts[i] = p.String()
	}
	return texts
}

// reaches reports whether the caller reaches an account.
func (b *base) reaches(ctx context.Context, who *Caller, id aaa.AccountID) bool {
	within, err := b.Tree.Within(ctx, who.Account, id)
	return err == nil && within
}

// usage is what an account uses, as far as it is counted. It lacks what the store counts if that is away.
func (s *Accounts) usage(ctx context.Context, who *Caller, account aaa.AccountID, have *limits.Account) (map[aaa.Limit]int64, error) {
	used, err := s.Store.Accounts().Usage(ctx, account)
	if aaa.KindOf(err) == aaa.KindUnavailable {
		used, err = make(map[aaa.Limit]int64), nil
	}
	if err != nil {
		return nil, err
	}
	for _, l := range rates {
		used[l] = have.Taken(l, who.At)
	}
	for _, l := range gauges {
		used[l] = have.Used(l).Load()
	}
	used[aaa.LimitDocumentOctets] = 0
	d, err := s.Tree.Document(account)
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
