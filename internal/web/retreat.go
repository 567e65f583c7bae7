package web

import "time"

// How long a source is asked to wait that goes on sending bad credentials beyond its allowance.
const (
	firstRetreat = time.Second
	lastRetreat  = 5 * time.Minute
)

// retreat is the wait that a source is told. It doubles with each refusal that comes after the wait before, until the source
// has sent none beyond its allowance for as long as the last one can be. It keeps nothing from a good credential, and a bad one that is
// within the allowance is answered as ever: clients behind one address hear of an expired token by the status that they know.
type retreat struct {
	step  time.Duration
	until time.Time
}

// refused returns how long to wait from now on.
func (r *retreat) refused(now time.Time) time.Duration {
	switch {
	case r.step == 0 || now.Sub(r.until) >= lastRetreat:
		r.step = firstRetreat
	case now.Before(r.until):
		return r.until.Sub(now)
	default:
		r.step = min(2*r.step, lastRetreat)
	}
	r.until = now.Add(r.step)
	return r.step
}
