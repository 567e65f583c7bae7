package web

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/aaa"
)

// maxSources is how many source addresses are told apart. Those beyond share one allowance.
const maxSources = 20_000

// guesses bounds the credentials that are none, by source address: an IPv4 address or an IPv6 network of 64 bits. A good
// credential costs nothing, so many clients behind one address are not locked out by one among them.
type guesses struct {
	rate, burst float64

	mu      sync.Mutex
	sources map[netip.Addr]*allowance
	rest    allowance // of the addresses that found no place
	swept   time.Time
}

// allowance is how many bad credentials a source has left.
type allowance struct {
	left    float64
	at      time.Time
	retreat retreat
}

// newGuesses lets through so many a second, and burst at once; a negative rate is no limit.
func newGuesses(rate float64, burst int) *guesses {
	return &guesses{rate: rate, burst: float64(burst), sources: make(map[netip.Addr]*allowance)}
}

// take charges a bad credential to its source. If nothing is left it returns how long the source is asked to wait, else 0.
func (g *guesses) take(source netip.Addr, now time.Time) (wait time.Duration) {
	if g.rate < 0 {
		return 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.of(source, now)
	g.refill(a, now)
	if a.left < 1 {
		return a.retreat.refused(now)
	}
	a.left--
	return 0
}

// giveBack takes a charge back: the credential was good.
func (g *guesses) giveBack(source netip.Addr, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.of(source, now)
	a.left = min(g.burst, a.left+1)
}

// of finds or makes the allowance of a source; mu is held.
func (g *guesses) of(source netip.Addr, now time.Time) *allowance {
	if a, ok := g.sources[source]; ok {
		return a
	}
	if len(g.sources) >= maxSources && now.Sub(g.swept) >= time.Second {
		g.swept = now
		for other, a := range g.sources {
			if g.refill(a, now); a.left >= g.burst {
				delete(g.sources, other)
			}
		}
	}
	if len(g.sources) >= maxSources {
		return &g.rest
	}
	a := &allowance{left: g.burst, at: now}
	g.sources[source] = a
	return a
}

func (g *guesses) refill(a *allowance, now time.Time) {
	if passed := now.Sub(a.at); passed > 0 {
		a.left, a.at = min(g.burst, a.left+passed.Seconds()*g.rate), now
	}
}

// sourceOf is whom a remote address is charged to. What a proxy says of its client is not looked at: it can be forged,
// and behind a proxy good credentials pass all the same.
func sourceOf(address string) netip.Addr {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return netip.Addr{}
	}
	addr := at.Addr().Unmap().WithZone("")
	if addr.Is4() {
		return addr
	}
	network, err := addr.Prefix(64)
	if err != nil {
		return netip.Addr{}
	}
	return network.Addr()
}

func tooManyGuesses(wait time.Duration) *Failure {
	return &Failure{
		Status: http.StatusTooManyRequests, Slug: "too_many_requests", RetryAfter: wait,
		Detail: "too many invalid credentials came from this address; valid ones are taken all the same",
	}
}

// Guess charges the request's source for a credential that somebody may have made up.
func (c *Call) Guess() error {
	if wait := c.server.guesses.take(sourceOf(c.r.RemoteAddr), c.start); wait > 0 {
		c.countBad(true)
		return tooManyGuesses(wait)
	}
	c.guessed = true
	return nil
}

// Judged settles what came of a credential: a bad one is charged to its source, and one that was charged and is not
// bad is given back.
func (c *Call) Judged(err error) error {
	if err == nil || aaa.KindOf(err) != aaa.KindUnauthorized { // KindOf allocates
		if c.guessed {
			c.server.guesses.giveBack(sourceOf(c.r.RemoteAddr), c.start)
			c.guessed = false // a writer's token is judged again when the body is there
		}
		return err
	}
	if !c.guessed {
		if limited := c.Guess(); limited != nil {
			return limited
		}
	}
	c.countBad(false)
	return err
}

func (c *Call) countBad(limited bool) {
	if c.server.Bad != nil {
		c.server.Bad(limited)
	}
}

// NewBadMeter registers the counter of bad credentials and returns the Bad of Options.
func NewBadMeter(reg prometheus.Registerer) func(limited bool) {
	bad := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "aaa_api_bad_credentials_total", Help: "Invalid tokens and API keys, by the status that answered them.",
	}, []string{"status"})
	reg.MustRegister(bad)
	refused, limited := bad.WithLabelValues("401"), bad.WithLabelValues("429")
	return func(over bool) {
		if over {
			limited.Inc()
		} else {
			refused.Inc()
		}
	}
}
