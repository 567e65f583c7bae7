package avp

import "aaa-api/internal/aaa"

// secret reports whether a value of the attribute is a secret, or may hold one.
func (d *Decoder) secret(a *aaa.Attribute) bool {
	if a.Type != aaa.TypeTLV {
		return a.Hidden || a.Enc != aaa.EncNone
	}
	found, known := d.secrets[a]
	if !known {
		if d.secrets == nil {
			d.secrets = make(map[*aaa.Attribute]bool)
		}
		found = d.secretWithin(a, 1)
		d.secrets[a] = found
	}
	return found
}

// secretWithin looks for a secret among the attributes that a TLV may hold.
func (d *Decoder) secretWithin(a *aaa.Attribute, depth int) bool {
	if a.Hidden || a.Enc != aaa.EncNone {
		return true
	}
	if a.Type != aaa.TypeTLV || depth > maxDepth {
		return false
	}
	for number := range uint32(256) {
		if child := d.Dict.Child(a, number); child != nil && d.secretWithin(child, depth+1) {
			return true
		}
	}
	return false
}

// vendorSecret reports whether there is a secret among a vendor's attributes that do not fit together, as far as they can be
// told apart.
func (d *Decoder) vendorSecret(v *aaa.Vendor, body []byte) bool {
	for len(body) > 0 && v.TypeOctets > 0 {
		number, head, size := vendorHeader(v, body)
		if len(body) < head {
			return false
		}
		if a := d.Dict.OfVendor(v.Number, number); a != nil && d.secret(a) {
			return true
		}
		if size < head || size > len(body) {
			return false
		}
		body = body[size:]
	}
	return false
}
