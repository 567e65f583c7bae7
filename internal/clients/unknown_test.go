package clients

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestUnknown(t *testing.T) {
	f := newFixture(t)
	f.registry.Missed(radius, netip.MustParseAddr("::ffff:192.0.2.1"), "no client")
	f.clock.Store(1)
	f.registry.Missed(tacacs, netip.MustParseAddr("192.0.2.2"), strings.Repeat("x", 10_000))
	f.clock.Store(2)
	f.registry.Missed(tacacs, netip.MustParseAddr("192.0.2.1"), "secret")
	list := f.registry.Unknown()
	if len(list) != 2 {
		t.Fatalf("%+v", list)
	}
	first := UnknownDevice{netip.MustParseAddr("192.0.2.1"), "tacacs", "secret", 2, time.Unix(1_800_000_000, 0), time.Unix(1_800_000_002, 0)}
	if list[0] != first || len(list[1].Why) != maxWhy || list[1].Count != 1 {
		t.Errorf("%+v", list)
	}
	if n := f.log.count("an unknown device"); n != 2 {
		t.Errorf("%d lines in the log", n)
	}
	if f.log.count("protocol=radius") != 1 || f.log.count("protocol=tacacs") != 1 {
		t.Error("the lines do not name the protocol")
	}
}

// TestFlood has a device that is set up wrongly among a flood of forged sources.
func TestFlood(t *testing.T) {
	f := newFixture(t)
	device := netip.MustParseAddr("192.0.2.1")
	source := func(n int) netip.Addr {
		var a [16]byte
		binary.BigEndian.PutUint32(a[12:], uint32(n))
		a[0] = 0x20
		return netip.AddrFrom16(a)
	}
	n, of := 0, 10_000
	for second := range int64(60) {
		f.clock.Store(second)
		f.registry.Missed(radius, device, "no client")
		for range of {
			n++
			f.registry.Missed(radius, source(n), "no client")
		}
	}
	list := f.registry.Unknown()
	if len(list) != maxUnknown || len(f.registry.unknown.places) != maxUnknown {
		t.Errorf("%d are listed, %d have places", len(list), len(f.registry.unknown.places))
	}
	found := false
	for _, d := range list {
		found = found || d.Address == device && d.Count == 60
	}
	if !found {
		t.Errorf("the device is not listed: %+v", list)
	}
	if n := f.log.count("an unknown device"); n > 70 {
		t.Errorf("%d lines in the log", n)
	}
	if list[0].Last.Unix() != 1_800_000_059 {
		t.Error("the last ones are not listed")
	}
}

// TestMissedDoesNotWait has the list locked, as a packet on another processor has it.
func TestMissedDoesNotWait(t *testing.T) {
	f := newFixture(t)
	f.registry.unknown.mu.Lock()
	f.registry.Missed(radius, netip.MustParseAddr("192.0.2.1"), "no client")
	f.registry.unknown.mu.Unlock()
	if list := f.registry.Unknown(); len(list) != 0 {
		t.Errorf("%+v", list)
	}
}
