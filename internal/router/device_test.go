package router

import (
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/engines"
	"aaa-api/internal/plans"
)

// TestDefinitionAt: every attribute of the shipped dictionaries is found at its own place, in whatever containers it is.
func TestDefinitionAt(t *testing.T) {
	t.Parallel()
	system, err := dict.LoadSystem("")
	if err != nil {
		t.Fatal(err)
	}
	set := system.Default()
	nested, vendors := 0, 0
	for _, c := range set.List() {
		c.Attributes(func(a *aaa.Attribute) bool {
			if !a.Wire {
				return true
			}
			found := definitionAt(set, a)
			if found == nil || found.Number != a.Number || (found.Vendor == nil) != (a.Vendor == nil) || (found.Parent == nil) != (a.Parent == nil) {
				t.Errorf("%s: found %+v", a.Name, found)
			}
			if a.Parent != nil {
				nested++
			}
			if a.Parent != nil && a.Parent.Type == aaa.TypeEVS {
				vendors++
			}
			return !t.Failed()
		})
	}
	if nested < 100 || vendors == 0 {
		t.Errorf("%d attributes in containers, %d of a vendor in one of several", nested, vendors)
	}
	loop := &aaa.Attribute{Name: "a", Number: 1, Type: aaa.TypeTLV}
	loop.Parent = loop
	if definitionAt(set, loop) != nil {
		t.Error("an attribute in itself has a place")
	}
}

// TestLeft: why an attribute does not go on.
func TestLeft(t *testing.T) {
	t.Parallel()
	system, err := dict.LoadSystem("")
	if err != nil {
		t.Fatal(err)
	}
	standard, _ := system.Get("dictionary")
	own, _ := system.Get("dictionary_tacacs")
	strict := &plans.Server{Mode: aaa.Strict, Traits: &engines.Traits{}, Dict: dict.NewSet(standard)}
	custom := &plans.Server{Mode: aaa.CustomAVP, Traits: &engines.Traits{}, Dict: dict.NewSet(standard)}
	arguments := &plans.Server{Mode: aaa.StrictArguments, Traits: &engines.Traits{Arguments: true}, Dict: dict.NewSet(own)}
	anyName := &plans.Server{Mode: aaa.AnyName, Traits: &engines.Traits{Arguments: true}, Dict: dict.NewSet(own)}
	all := system.Default()
	octets := &aaa.Attribute{Name: "Attr-69", Number: 69, Type: aaa.TypeOctets, Wire: true}
	for _, c := range []struct {
		server *plans.Server
		op     aaa.Op
		avp    aaa.AVP
		want   string
	}{
		{strict, aaa.Authn, aaa.AVP{Attr: all.ByName("Class")}, ""},
		{strict, aaa.Authn, aaa.AVP{Attr: all.ByName("Cisco-AVPair")}, leftUnknown},
		{custom, aaa.Authn, aaa.AVP{Attr: all.ByName("Cisco-AVPair")}, ""},
		{strict, aaa.Authn, aaa.AVP{Attr: octets, Value: []byte{1}, Invalid: true}, leftMalformed},
		{custom, aaa.Authn, aaa.AVP{Attr: octets, Invalid: true}, leftMalformed},
		{custom, aaa.Authn, aaa.AVP{Attr: octets, Value: []byte{1}}, leftUnhidden}, // 69 is Tunnel-Password
		{strict, aaa.Authn, aaa.AVP{Attr: all.ByName("User-Password")}, ""},
		{strict, aaa.Accounting, aaa.AVP{Attr: all.ByName("Tunnel-Password")}, leftRecord},
		{arguments, aaa.Authz, aaa.AVP{Attr: aaa.NewArgument("service")}, ""},
		{arguments, aaa.Authz, aaa.AVP{Attr: aaa.NewArgument("x-own")}, leftUnknown},
		{anyName, aaa.Authz, aaa.AVP{Attr: aaa.NewArgument("x-own")}, ""},
		{arguments, aaa.Authz, aaa.AVP{Attr: dict.NewSet(own).ByName("rem_addr")}, ""},
		{arguments, aaa.Accounting, aaa.AVP{Attr: all.ByName("Acct-Status-Type")}, ""},
	} {
		if got := left(c.op, c.server, &c.avp); got != c.want {
			t.Errorf("%s to a server of mode %s: %q, want %q", c.avp.Attr.Name, c.server.Mode, got, c.want)
		}
	}
}
