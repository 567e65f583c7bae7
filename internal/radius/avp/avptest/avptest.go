// Package avptest has a dictionary written by hand, with an attribute of each kind that the codec knows.
package avptest

import (
	"fmt"
	"strings"

	"aaa-api/internal/aaa"
)

// Dictionary is an aaa.Dictionary that tests may add to.
type Dictionary struct {
	Attrs   []*aaa.Attribute
	vendors map[uint32]*aaa.Vendor
}

// New makes the dictionary.
func New() *Dictionary {
	d := &Dictionary{vendors: map[uint32]*aaa.Vendor{}}
	std := func(n uint32, name string, t aaa.Type) *aaa.Attribute {
		a := &aaa.Attribute{Name: name, Number: n, Type: t, Wire: true}
		d.Attrs = append(d.Attrs, a)
		return a
	}
	vendor := func(n uint32, name string, types, lengths uint8, cont bool) *aaa.Vendor {
		v := &aaa.Vendor{Name: name, Number: n, TypeOctets: types, LengthOctets: lengths, Continuation: cont}
		d.vendors[n] = v
		return v
	}
	below := func(v *aaa.Vendor, parent *aaa.Attribute, n uint32, name string, t aaa.Type) *aaa.Attribute {
		a := std(n, name, t)
		a.Vendor, a.Parent = v, parent
		return a
	}
	std(1, "User-Name", aaa.TypeString)
	p := std(2, "User-Password", aaa.TypeString)
	p.Enc, p.Hidden = aaa.EncUser, true
	std(3, "CHAP-Password", aaa.TypeOctets).Hidden = true
	std(4, "NAS-IP-Address", aaa.TypeIPAddr)
	std(5, "NAS-Port", aaa.TypeInteger)
	std(6, "Service-Type", aaa.TypeInteger)
	std(18, "Reply-Message", aaa.TypeString)
	std(24, "State", aaa.TypeOctets)
	std(25, "Class", aaa.TypeOctets)
	std(27, "Session-Timeout", aaa.TypeInteger)
	std(32, "NAS-Identifier", aaa.TypeString)
	std(40, "Acct-Status-Type", aaa.TypeInteger)
	std(41, "Acct-Delay-Time", aaa.TypeInteger)
	std(44, "Acct-Session-Id", aaa.TypeString)
	std(46, "Acct-Session-Time", aaa.TypeInteger)
	std(55, "Event-Timestamp", aaa.TypeDate)
	std(60, "CHAP-Challenge", aaa.TypeOctets)
	std(64, "Tunnel-Type", aaa.TypeInteger).HasTag = true
	std(66, "Tunnel-Client-Endpoint", aaa.TypeString).HasTag = true
	p = std(69, "Tunnel-Password", aaa.TypeString)
	p.Enc, p.HasTag, p.Hidden = aaa.EncTunnel, true, true
	std(79, "EAP-Message", aaa.TypeOctets).Concat = true
	std(80, "Message-Authenticator", aaa.TypeOctets)
	std(95, "NAS-IPv6-Address", aaa.TypeIPv6Addr)
	std(1000, "Internal-Thing", aaa.TypeString).Wire = false

	e := std(241, "Extended-Attribute-1", aaa.TypeExtended)
	below(nil, e, 1, "Frag-Status", aaa.TypeInteger)
	t := below(nil, e, 2, "Ext-TLV", aaa.TypeTLV)
	below(nil, t, 1, "Ext-TLV-One", aaa.TypeInteger)
	below(nil, t, 2, "Ext-TLV-Two", aaa.TypeString)
	evs := below(nil, e, 26, "Extended-Vendor-Specific-1", aaa.TypeEVS)
	l := std(245, "Long-Extended-Attribute-1", aaa.TypeLongExtended)
	below(nil, l, 1, "Long-Text", aaa.TypeString)
	levs := below(nil, l, 26, "Extended-Vendor-Specific-5", aaa.TypeEVS)

	ms := vendor(311, "Microsoft", 1, 1, false)
	below(ms, nil, 1, "MS-CHAP-Response", aaa.TypeOctets).Hidden = true
	below(ms, nil, 11, "MS-CHAP-Challenge", aaa.TypeOctets)
	below(ms, nil, 25, "MS-CHAP2-Response", aaa.TypeOctets).Hidden = true
	k := below(ms, nil, 16, "MS-MPPE-Send-Key", aaa.TypeOctets)
	k.Enc, k.Hidden = aaa.EncTunnel, true
	cisco := vendor(9, "Cisco", 1, 1, false)
	below(cisco, nil, 1, "Cisco-AVPair", aaa.TypeString)
	below(cisco, evs, 1, "EVS-Text", aaa.TypeString)
	below(cisco, levs, 1, "EVS-Long-Text", aaa.TypeString)
	ascend := vendor(529, "Ascend", 1, 1, false)
	s := below(ascend, nil, 214, "Ascend-Send-Secret", aaa.TypeString)
	s.Enc, s.Hidden = aaa.EncAscend, true
	below(vendor(429, "USR", 4, 0, false), nil, 0x9000, "USR-Text", aaa.TypeString)
	below(vendor(4846, "Lucent", 2, 1, false), nil, 300, "Lucent-Text", aaa.TypeString)
	below(vendor(8164, "Starent", 2, 2, false), nil, 500, "Starent-Text", aaa.TypeString)
	wimax := vendor(24757, "WiMAX", 1, 1, true)
	c := below(wimax, nil, 1, "WiMAX-Capability", aaa.TypeTLV)
	below(wimax, c, 1, "WiMAX-Release", aaa.TypeString)
	below(wimax, c, 2, "WiMAX-Accounting", aaa.TypeByte)
	sub := below(wimax, c, 3, "WiMAX-Sub", aaa.TypeTLV)
	below(wimax, sub, 1, "WiMAX-Sub-One", aaa.TypeByte)
	below(wimax, sub, 2, "WiMAX-Sub-Two", aaa.TypeShort)
	below(wimax, nil, 2, "WiMAX-Text", aaa.TypeString)
	return d
}

func (d *Dictionary) find(parent *aaa.Attribute, vendor, number uint32) *aaa.Attribute {
	for _, a := range d.Attrs {
		if a.Parent == parent && vendorNumber(a) == vendor && a.Number == number {
			return a
		}
	}
	return nil
}

// ByName implements aaa.Dictionary.
func (d *Dictionary) ByName(name string) *aaa.Attribute {
	for _, a := range d.Attrs {
		if strings.EqualFold(a.Name, name) {
			return a
		}
	}
	return nil
}

// Must finds an attribute and panics if there is none.
func (d *Dictionary) Must(name string) *aaa.Attribute {
	a := d.ByName(name)
	if a == nil {
		panic("no " + name)
	}
	return a
}

// AVP makes an AVP of a text or of octets.
func (d *Dictionary) AVP(name, value string) aaa.AVP {
	return aaa.AVP{Attr: d.Must(name), Value: []byte(value)}
}

// Standard implements aaa.Dictionary.
func (d *Dictionary) Standard(n uint32) *aaa.Attribute { return d.find(nil, 0, n) }

// OfVendor implements aaa.Dictionary.
func (d *Dictionary) OfVendor(vendor, n uint32) *aaa.Attribute { return d.find(nil, vendor, n) }

// Vendor implements aaa.Dictionary.
func (d *Dictionary) Vendor(n uint32) *aaa.Vendor { return d.vendors[n] }

// Child implements aaa.Dictionary.
func (d *Dictionary) Child(p *aaa.Attribute, n uint32) *aaa.Attribute {
	return d.find(p, vendorNumber(p), n)
}

// ChildOfVendor finds an attribute of a vendor inside an evs container.
func (d *Dictionary) ChildOfVendor(p *aaa.Attribute, vendor, n uint32) *aaa.Attribute {
	return d.find(p, vendor, n)
}

// Unknown implements aaa.Dictionary.
func (d *Dictionary) Unknown(v *aaa.Vendor, parent *aaa.Attribute, n uint32) *aaa.Attribute {
	name := "Attr"
	switch {
	case parent != nil:
		name = parent.Name
	case v != nil:
		name = fmt.Sprintf("Attr-26.%d", v.Number)
	}
	return &aaa.Attribute{
		Name: fmt.Sprintf("%s-%d", name, n), Vendor: v, Parent: parent,
		Number: n, Type: aaa.TypeOctets, Wire: true,
	}
}

func vendorNumber(a *aaa.Attribute) uint32 {
	if a.Vendor == nil {
		return 0
	}
	return a.Vendor.Number
}
