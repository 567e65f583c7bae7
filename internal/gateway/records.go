package gateway

import (
	"cmp"
	"context"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/plans"
	"aaa-api/internal/spool"
	"aaa-api/internal/store"
)

// Records shows stored accounting records.
type Records interface {
	// MaskRecord opens a stored record: the caller's keys, with aaa.Mask for passwords and other secrets, and the id of the
	// request that brought the record.
	MaskRecord(ctx context.Context, stored store.SpoolRecord) (keys aaa.Values, requestID string, err error)
	// KeepTime is how long the account's records wait for a server before they are parked.
	KeepTime(ctx context.Context, account aaa.AccountID) (time.Duration, error)
}

// MaskRecord implements Records.
func (g *Gateway) MaskRecord(ctx context.Context, stored store.SpoolRecord) (aaa.Values, string, error) {
	plan, err := g.tenants.Plan(ctx, stored.Account)
	if err != nil {
		return nil, "", err
	}
	r, err := spool.Open(ctx, g.vault, stored)
	if err != nil {
		return nil, "", err
	}
	return maskKeys(r.Values, plan, r.Device), r.RequestID, nil
}

// maskKeys replaces secret values: those that rules of any operation put into hidden attributes, and those whose key is the name of a
// secret. Without a document that has rules for accounting it is unknown what a key holds, so all values are masked. The keys of a
// device's record are the names of its attributes, which say whether they are secrets.
func maskKeys(values aaa.Values, plan *plans.Plan, device *aaa.Device) aaa.Values {
	hidden, known := recordSecrets(plan)
	if device != nil {
		known = true
		for i := range device.AVPs {
			if a := device.AVPs[i].Attr; a != nil && (a.Hidden || a.Credential()) {
				hidden[a.Name], hidden[device.AVPs[i].Name()] = true, true
			}
		}
	}
	masked := make(aaa.Values, len(values))
	for key, value := range values {
		if !known || hidden[key] || aaa.SensitiveName(key) {
			value = aaa.Mask
		}
		masked[key] = value
	}
	return masked
}

// recordSecrets lists the request keys of hidden attributes of all servers in reach of the account, also of documents that say off now. known
// is false if none of them has rules for accounting.
func recordSecrets(plan *plans.Plan) (hidden map[string]bool, known bool) {
	hidden = make(map[string]bool)
	for op := range plan.Routes {
		for _, step := range plan.Routes[op].Walk {
			for _, s := range step.Level.Servers {
				known = known || s.Rules[aaa.Accounting] != nil
				for _, rules := range s.Rules {
					if rules == nil {
						continue
					}
					for _, key := range rules.HiddenKeys() {
						hidden[key] = true
					}
				}
			}
		}
	}
	return hidden, known
}

// KeepTime implements Records. The first document that an accounting request goes to decides.
func (g *Gateway) KeepTime(ctx context.Context, account aaa.AccountID) (time.Duration, error) {
	plan, err := g.tenants.Plan(ctx, account)
	if err != nil {
		return 0, err
	}
	for _, level := range plan.Routes[aaa.Accounting].Levels {
		return cmp.Or(level.AccountingKeep, aaa.DefaultAccountingKeep), nil
	}
	return aaa.DefaultAccountingKeep, nil
}
