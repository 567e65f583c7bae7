package spool

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// TestDeviceIsKept: a record of a network device keeps its attributes, sealed, in the store and through the journal.
func TestDeviceIsKept(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.spool()
	h.warm(s)
	device := &aaa.Device{
		Protocol: aaa.ClientTACACS, Owner: h.account, Client: "switch", From: netip.MustParseAddr("192.0.2.7"),
		AVPs: []aaa.AVP{{Attr: aaa.NewArgument("cmd"), Value: []byte("reload\xff"), Optional: true}},
	}
	for _, away := range []bool{false, true} {
		h.store.set(func() { h.store.away = away })
		r := h.record(store.SpoolStop, aaa.NewID())
		r.Device = device
		h.must(s.Store(t.Context(), r))
	}
	h.store.set(func() { h.store.away = false })
	s.pass(t.Context())
	rows := h.rows()
	if len(rows) != 2 {
		t.Fatalf("%d records", len(rows))
	}
	for _, row := range rows {
		if strings.Contains(row.Payload, "switch") {
			t.Error("the payload is not sealed")
		}
		r, err := Open(t.Context(), h.vault, row)
		h.must(err)
		if !reflect.DeepEqual(r.Device, device) {
			t.Errorf("got %v, want %v", r.Device, device)
		}
	}
}
