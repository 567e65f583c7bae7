package limits

import (
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/puzpuzpuz/xsync/v4"

	"aaa-api/internal/aaa"
)

// DestinationPackets is how many packets a second without an answer go to one address by default, of all accounts together.
const DestinationPackets = 5000

// burst is how many seconds' worth of packets may be without an answer at once: servers that take their time are no attack.
const burst = 4

// Ceiling bounds packets that are not answered. Each takes its part of a second, and a verified answer gives it back: a server that
// answers is asked as often as there are requests, and one that never does, or does not want to be asked, gets a bounded
// rate. The zero value is ready. It is safe for use by many goroutines.
type Ceiling struct {
	paid atomic.Int64 // when the rate will have paid for all packets taken, in Unix nanoseconds
}

// take counts a packet at a rate of so many a second, and reports whether it may be sent.
func (c *Ceiling) take(rate int64) bool {
	if rate <= 0 {
		return false
	}
	now, each := time.Now().UnixNano(), int64(time.Second)/rate
	last := now + burst*int64(time.Second)
	for {
		old := c.paid.Load()
		next := max(old, now) + each
		if next > last {
			if old > last { // the clock was set back
				c.paid.CompareAndSwap(old, last)
			}
			return false
		}
		if c.paid.CompareAndSwap(old, next) {
			return true
		}
	}
}

// giveBack takes note that n packets were answered.
func (c *Ceiling) giveBack(n int, rate int64) {
	c.paid.Add(int64(-n) * int64(time.Second) / max(rate, 1))
}

// quiet reports whether the ceiling holds nobody back, so that it can be forgotten.
func (c *Ceiling) quiet() bool { return c.paid.Load() <= time.Now().UnixNano() }

// maxDestinations is how many addresses are told apart before those that are not held back are forgotten.
const maxDestinations = 100_000

// Destinations are the Ceilings of the addresses that a node sends packets to, whatever the port and the account.
type Destinations struct {
	rate     int64
	ceilings *xsync.Map[netip.Addr, *Ceiling]
}

// NewDestinations bounds each address at so many unanswered packets a second.
func NewDestinations(rate int64) *Destinations {
	return &Destinations{rate: rate, ceilings: xsync.NewMap[netip.Addr, *Ceiling]()}
}

// Destination is one address.
type Destination struct {
	addr    netip.Addr
	rate    int64
	ceiling *Ceiling
}

// At returns the Destination of an address. d may be nil: it is not bounded.
func (d *Destinations) At(addr netip.Addr) Destination {
	if d == nil {
		return Destination{}
	}
	c, ok := d.ceilings.Load(addr)
	if !ok {
		if d.ceilings.Size() >= maxDestinations {
			d.ceilings.Range(func(addr netip.Addr, c *Ceiling) bool {
				if c.quiet() {
					d.ceilings.Delete(addr)
				}
				return true
			})
		}
		c, _ = d.ceilings.LoadOrStore(addr, &Ceiling{})
	}
	return Destination{addr, d.rate, c}
}

// Allowance is what one request may send, over all servers and attempts. The zero value, and nil, bound nothing but the destination.
type Allowance struct {
	account *Account
	left    atomic.Int64
}

// Begin has the Allowance count packets of a request of an account of which so many are left.
func (a *Allowance) Begin(account *Account, left int64) {
	a.account = account
	a.left.Store(left)
}

// Left is how many packets the request may still send.
func (a *Allowance) Left() int64 { return max(a.left.Load(), 0) }

// HeldBack is the error of a packet that was not sent because of a limit.
type HeldBack struct {
	Limit   string // its name in the API, "" for that of the destination
	Allowed int64
}

func (h *HeldBack) Error() string {
	switch h.Limit {
	case aaa.LimitPacketsPerRequest.Name():
		return fmt.Sprintf("a request may send %d packets, over all servers and attempts (%s)", h.Allowed, h.Limit)
	case "":
		return fmt.Sprintf("its address leaves packets without an answer, of which %d a second are sent to it", h.Allowed)
	default:
		return fmt.Sprintf("the account's servers leave packets without an answer, of which it may send %d a second (%s)", h.Allowed, h.Limit)
	}
}

// Send counts a packet to a destination, or says with a *HeldBack why it must not be sent.
func (a *Allowance) Send(to Destination) error {
	if a != nil && a.account != nil {
		if a.left.Add(-1) < 0 {
			l := aaa.LimitPacketsPerRequest
			return &HeldBack{l.Name(), a.account.Of(l)}
		}
		if l := aaa.LimitUnansweredPackets; a.account.Of(l) < Unlimited && !a.account.unanswered.take(a.account.Of(l)) {
			return &HeldBack{l.Name(), a.account.Of(l)}
		}
	}
	if to.ceiling != nil && !to.ceiling.take(to.rate) {
		if a != nil && a.account != nil {
			a.account.unanswered.giveBack(1, a.account.Of(aaa.LimitUnansweredPackets))
		}
		return &HeldBack{"", to.rate}
	}
	return nil
}

// Answered takes note of a verified answer to n packets.
func (a *Allowance) Answered(to Destination, n int) {
	if a != nil && a.account != nil {
		if rate := a.account.Of(aaa.LimitUnansweredPackets); rate < Unlimited {
			a.account.unanswered.giveBack(n, rate)
		}
	}
	if to.ceiling != nil {
		to.ceiling.giveBack(n, to.rate)
	}
}
