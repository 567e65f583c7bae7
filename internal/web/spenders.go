package web

import (
	"github.com/puzpuzpuz/xsync/v4"

	"aaa-api/internal/aaa"
	"aaa-api/internal/limits"
)

// maxSpenders is how many accounts are told apart before those that hold nothing are forgotten.
const maxSpenders = 10_000

// spenders are the accounts whose bodies and answers this process holds.
type spenders struct {
	refusals *limits.Counts
	accounts *xsync.Map[aaa.AccountID, *limits.Account]
}

func newSpenders(refusals *limits.Counts) *spenders {
	return &spenders{refusals, xsync.NewMap[aaa.AccountID, *limits.Account]()}
}

// of is an account whose limit body_octets is known.
func (s *spenders) of(id aaa.AccountID, bodyOctets int64) *limits.Account {
	a, ok := s.accounts.Load(id)
	if !ok {
		if s.accounts.Size() >= maxSpenders {
			s.accounts.DeleteMatching(func(_ aaa.AccountID, a *limits.Account) (idle, stop bool) {
				return a.Used(aaa.LimitBodyOctets).Load() == 0, false
			})
		}
		a, _ = s.accounts.LoadOrStore(id, s.refusals.NewAccount(id))
	}
	if a.Of(aaa.LimitBodyOctets) != bodyOctets {
		own := aaa.NoLimits()
		own[aaa.LimitBodyOctets] = bodyOctets
		a.Set(limits.Root("", nil).Below(id, &own))
	}
	return a
}

// Holds is how many octets bodies and answers of an account hold in this process.
func (s *Server) Holds(account aaa.AccountID) int64 {
	a, ok := s.spenders.accounts.Load(account)
	if !ok {
		return 0
	}
	return a.Used(aaa.LimitBodyOctets).Load()
}
