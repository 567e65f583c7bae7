package limits

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
)

// attempt sends until something holds it back, at most so often.
func attempt(a *Allowance, to Destination, most int) (sent int, err error) {
	for sent < most {
		if err := a.Send(to); err != nil {
			return sent, err
		}
		sent++
	}
	return sent, nil
}

func TestPacketsOfARequest(t *testing.T) {
	t.Parallel()
	var a Allowance
	a.Begin(NewAccount("a"), 64)
	n, err := attempt(&a, Destination{}, 100)
	var held *HeldBack
	if n != 64 || !errors.As(err, &held) || held.Limit != "packets_per_request" || held.Allowed != 64 || a.Left() != 0 {
		t.Errorf("%d packets, %v", n, err)
	}
}

// A destination that does not answer gets its rate, whichever account asks; an account all of whose servers are silent
// gets its own.
func TestUnansweredPackets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := NewDestinations(100)
		to := d.At(netip.MustParseAddr("192.0.2.1"))
		account := NewAccount("a")
		of := func(account *Account) *Allowance {
			a := &Allowance{}
			a.Begin(account, 1<<30)
			return a
		}
		if n, err := attempt(of(account), to, 10_000); n != int(patience.Seconds())*100 || !strings.Contains(err.Error(), "of which 100 a second are sent") {
			t.Errorf("%d packets at once, %v", n, err)
		}
		other := NewAccount("b")
		if n, _ := attempt(of(other), d.At(netip.MustParseAddr("192.0.2.1")), 10); n != 1 {
			t.Errorf("another account, which has sent nothing yet, sends %d packets to the same address", n)
		}
		if n, _ := attempt(of(other), d.At(netip.MustParseAddr("192.0.2.1")), 10); n != 0 {
			t.Errorf("and %d more", n)
		}
		time.Sleep(time.Second)
		if n, _ := attempt(of(account), to, 10_000); n != 100 {
			t.Errorf("%d packets a second later", n)
		}
		limits := aaa.NoLimits()
		limits[aaa.LimitUnansweredPackets] = 1000
		account.Set(Root("root", nil).Below("a", &limits))
		sent := 0
		for i := range 1000 { // many addresses, few packets to each
			n, err := attempt(of(account), d.At(netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)})), 10)
			if sent += n; err != nil {
				if !strings.Contains(err.Error(), "unanswered_packets_per_second") {
					t.Errorf("%v", err)
				}
				break
			}
		}
		if want := 4*1000 - 400; sent < want || sent > 4*1000 {
			t.Errorf("%d packets of one account, want about %d", sent, want)
		}
	})
}

// What is set on an account bounds all below it together, and what is answered is given back to all.
func TestSharedPackets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limits := aaa.NoLimits()
		limits[aaa.LimitUnansweredPackets] = 10
		values := Root("root", nil).Below("above", &limits)
		above := NewAccount("above")
		above.Set(values)
		var of [3]Allowance
		for i := range of {
			account := NewAccount(aaa.AccountID([]string{"a", "b", "c"}[i]))
			account.Set(values.Below(account.ID, nil), Shared{above, values})
			of[i].Begin(account, 64)
		}
		sent := 0
		for i := range of {
			n, _ := attempt(&of[i], Destination{}, 25)
			sent += n
		}
		if sent != 40 {
			t.Errorf("%d packets of three accounts", sent)
		}
		of[0].Answered(Destination{}, 5)
		if n, _ := attempt(&of[2], Destination{}, 25); n != 5 {
			t.Errorf("%d packets after 5 were answered", n)
		}
	})
}

// A server that answers is asked without end, by an account whose other server is silent, too.
func TestAnsweredPackets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := NewDestinations(10)
		to := d.At(netip.MustParseAddr("192.0.2.1"))
		account := NewAccount("a")
		for i := range 100_000 {
			var a Allowance
			a.Begin(account, 64)
			if n, err := attempt(&a, to, 2); err != nil {
				t.Fatalf("request %d, packet %d: %v", i, n, err)
			}
			a.Answered(to, 2)
		}
		if now := time.Now(); !to.bucket.full(now) || !account.used[aaa.LimitUnansweredPackets].full(now) {
			t.Error("something is held against those who were answered")
		}
	})
}

func TestNothingAllowed(t *testing.T) {
	t.Parallel()
	limits := aaa.NoLimits()
	limits[aaa.LimitUnansweredPackets] = 0
	account := NewAccount("a")
	account.Set(Root("root", nil).Below("a", &limits))
	var a Allowance
	a.Begin(account, 64)
	if err := a.Send(Destination{}); err == nil {
		t.Error("sent")
	}
}

// Addresses are forgotten once nothing is held against them, so that their number is bounded.
func TestDestinationsAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // where time stands still meanwhile
		d := NewDestinations(1)
		silent := d.At(netip.MustParseAddr("192.0.2.1"))
		_, _ = attempt(nil, silent, 100)
		for i := range maxDestinations + 10 {
			d.At(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
		}
		if n := d.buckets.Size(); n > 100 {
			t.Errorf("%d addresses", n)
		}
		if err := (*Allowance)(nil).Send(d.At(netip.MustParseAddr("192.0.2.1"))); err == nil {
			t.Error("the silent address is forgotten")
		}
	})
}

func BenchmarkSend(b *testing.B) {
	to := NewDestinations(DestinationPackets).At(netip.MustParseAddr("192.0.2.1"))
	account := NewAccount("a")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			var a Allowance
			a.Begin(account, 64)
			if a.Send(to) == nil {
				a.Answered(to, 1)
			}
		}
	})
}
