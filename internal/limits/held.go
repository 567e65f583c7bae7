package limits

import (
	"sync"

	"aaa-api/internal/aaa"
)

// Hold counts one more of what an account has at a time, or says with a *HeldBack that it may have no more. After nil the caller
// owes one call of release; further calls do nothing. a may be nil: nothing is bounded.
func (a *Account) Hold(l aaa.Limit) (release func(), err error) {
	if a == nil {
		return func() {}, nil
	}
	if n := a.Used(l).Add(1); n > a.Of(l) {
		a.Used(l).Add(-1)
		return nil, a.heldBack(l, a.Of(l))
	}
	return sync.OnceFunc(func() { a.Used(l).Add(-1) }), nil
}
