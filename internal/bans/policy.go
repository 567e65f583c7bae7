package bans

import (
	"cmp"
	"slices"
	"time"

	"aaa-api/internal/aaa"
)

// Policy is a document's member bans, ready for use. It is never changed.
type Policy struct {
	Document  aaa.AccountID // whose document it is
	By        []string
	MaxScore  int64
	Reject    int64 // points of a refused login
	BanTime   time.Duration
	ResetTime time.Duration
}

// NewPolicy makes a Policy; nil if the document has none.
func NewPolicy(document aaa.AccountID, b aaa.Bans) *Policy {
	if len(b.By) == 0 {
		return nil
	}
	p := &Policy{
		Document: document, By: b.By, MaxScore: int64(cmp.Or(b.MaxScore, aaa.DefaultMaxScore)), Reject: aaa.DefaultRejectPoints,
		BanTime:   cmp.Or(time.Duration(b.BanTime)*time.Second, aaa.DefaultBanTime),
		ResetTime: cmp.Or(time.Duration(b.ResetTime)*time.Second, aaa.DefaultBanReset),
	}
	if b.Points.Reject != nil {
		p.Reject = int64(*b.Points.Reject)
	}
	return p
}

// Without is the Policy with fewer keys; nil if none is left.
func (p *Policy) Without(keys []string) *Policy {
	if !slices.ContainsFunc(p.By, func(key string) bool { return slices.Contains(keys, key) }) {
		return p
	}
	out := *p
	out.By = slices.DeleteFunc(slices.Clone(p.By), func(key string) bool { return slices.Contains(keys, key) })
	if len(out.By) == 0 {
		return nil
	}
	return &out
}
