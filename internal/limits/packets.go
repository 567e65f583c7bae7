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

// patience is how long a rate's worth of packets may be without an answer at once: servers that take their time are no attack. A
// verified answer gives its packets back: a server that answers is asked as often as there are requests, and one that never
// does, or does not want to be asked, gets a bounded rate.
const patience = 4 * time.Second

// maxDestinations is how many addresses are told apart before those that are not held back are forgotten.
const maxDestinations = 100_000

// Destinations bound the packets to each of the addresses that a node sends packets to, whatever the port and the account.
type Destinations struct {
	rate    int64
	buckets *xsync.Map[netip.Addr, *bucket]
}

// NewDestinations bounds each address at so many unanswered packets a second.
func NewDestinations(rate int64) *Destinations {
	return &Destinations{rate: rate, buckets: xsync.NewMap[netip.Addr, *bucket]()}
}

// Destination is one address.
type Destination struct {
	addr   netip.Addr
	rate   int64
	bucket *bucket
}

// At returns the Destination of an address. d may be nil: it is not bounded.
func (d *Destinations) At(addr netip.Addr) Destination {
	if d == nil {
		return Destination{}
	}
	c, ok := d.buckets.Load(addr)
	if !ok {
		if d.buckets.Size() >= maxDestinations {
			now := time.Now()
			d.buckets.Range(func(addr netip.Addr, b *bucket) bool {
				if b.full(now) {
					d.buckets.Delete(addr)
				}
				return true
			})
		}
		c, _ = d.buckets.LoadOrStore(addr, &bucket{})
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
	case aaa.LimitConnections.Name():
		return fmt.Sprintf("the account's servers have %d connections, and may have no more (%s)", h.Allowed, h.Limit)
	default:
		return fmt.Sprintf("the account's servers leave packets without an answer, of which it may send %d a second (%s)", h.Allowed, h.Limit)
	}
}

// Send counts a packet to a destination, or says with a *HeldBack why it must not be sent.
func (a *Allowance) Send(to Destination) error {
	if (a == nil || a.account == nil) && to.bucket == nil {
		return nil
	}
	now := time.Now()
	quiet := false
	if a != nil && a.account != nil {
		quiet = a.account.used[aaa.LimitUnansweredPackets].rested(now)
		if a.left.Add(-1) < 0 {
			return a.account.heldBack(aaa.LimitPacketsPerRequest, a.account.Of(aaa.LimitPacketsPerRequest))
		}
		if over, _, ok := a.account.take(aaa.LimitUnansweredPackets, now, patience); !ok {
			return a.account.heldBack(over.Limit, over.Allowed)
		}
	}
	if to.bucket != nil {
		// An account that has sent nothing for a while gets a packet through, so that others who name the address of its
		// server can't keep it from being asked.
		if _, ok := to.bucket.take(now, to.rate, patience); !ok && !quiet {
			a.giveBack(1)
			return &HeldBack{"", to.rate}
		}
	}
	return nil
}

func (a *Account) heldBack(l aaa.Limit, allowed int64) *HeldBack {
	a.Refused(l)
	return &HeldBack{l.Name(), allowed}
}

// Answered takes note of a verified answer to n packets.
func (a *Allowance) Answered(to Destination, n int) {
	a.giveBack(n)
	if to.bucket != nil {
		to.bucket.giveBack(n, to.rate)
	}
}

func (a *Allowance) giveBack(n int) {
	if a != nil && a.account != nil {
		a.account.giveBack(aaa.LimitUnansweredPackets, n)
	}
}
