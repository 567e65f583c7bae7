package aaa

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func someDevice() *Device {
	vendor := &Vendor{Name: "V", Number: 9, TypeOctets: 1, LengthOctets: 1}
	parent := &Attribute{Name: "P", Vendor: vendor, Number: 3, Type: TypeTLV, Wire: true}
	return &Device{
		Protocol: ClientTACACS, Owner: "o", Client: "switch", NASType: "cisco", From: netip.MustParseAddr("2001:db8::1"),
		AVPs: []AVP{
			{Attr: &Attribute{Name: "User-Password", Number: 2, Type: TypeString, Enc: EncUser, Hidden: true, Wire: true}, Value: []byte("hello\xff\x00")},
			{Attr: &Attribute{Name: "C", Vendor: vendor, Parent: parent, Number: 1, Type: TypeOctets, HasTag: true, Wire: true}, Tag: 3, Value: []byte{}},
			{Attr: NewArgument("service"), Value: []byte("shell"), Optional: true},
			{Attr: &Attribute{Name: "Attr-5", Number: 5}, Invalid: true},
		},
	}
}

// A device's request keeps every part of its AVPs on its way through the spool, and shows no password where texts are printed.
func TestDeviceForms(t *testing.T) {
	t.Parallel()
	for _, d := range []*Device{someDevice(), {AVPs: []AVP{}}} {
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var got Device
		if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(&got, d) {
			t.Errorf("%v: got %+v, want %+v", err, got, d)
		}
		if strings.Contains(string(text), "hello") {
			t.Error("the form shows a password")
		}
		reply := &DeviceReply{Engine: "radius", AVPs: d.AVPs}
		b, err := reply.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		var back DeviceReply
		if err := back.UnmarshalBinary(b); err != nil || !reflect.DeepEqual(&back, reply) {
			t.Errorf("%v: got %+v", err, back)
		}
	}
	for _, bad := range []string{`""`, `"AgAAAAAA"`, `5`, `"AQ=="`} {
		if err := new(Device).UnmarshalJSON([]byte(bad)); err == nil {
			t.Errorf("%s: read", bad)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v", someDevice(), *someDevice(), someDevice()); strings.Contains(text, "hello") || strings.Contains(text, "104") {
		t.Errorf("printed: %s", text)
	}
}

func FuzzDevice(f *testing.F) {
	b, _ := someDevice().AppendBinary(nil)
	f.Add(b)
	f.Fuzz(func(t *testing.T, data []byte) {
		var d Device
		if d.UnmarshalBinary(data) != nil {
			return
		}
		again, err := d.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		var e Device
		if err := e.UnmarshalBinary(again); err != nil || !reflect.DeepEqual(d, e) {
			t.Fatalf("%v: %+v differs from %+v", err, e, d)
		}
	})
}
