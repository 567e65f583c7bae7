package radius

import (
	"fmt"

	"aaa-api/internal/aaa"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp"
)

// chapIdentifier is the CHAP identifier of the answers that the engine computes. It is part of the hash and need not vary, since
// each challenge is fresh.
const chapIdentifier = 1

// hashed turns a password in the clear into the value of CHAP-Password, MS-CHAP-Response or MS-CHAP2-Response. It makes a challenge
// if the caller gave none.
func (p *pending) hashed(v aaa.AVP, seen *facts) (aaa.AVP, error) {
	v.Clear = false
	switch {
	case avp.Standard(v.Attr) == radius.AttrCHAPPassword:
		challenge, err := p.challenge(seen.chapChallenge, radius.CHAPChallengeLen)
		if err != nil {
			return v, err
		}
		if seen.chapChallenge == nil {
			seen.chapChallenge = challenge
			p.enc.Raw(radius.AttrCHAPChallenge, challenge...)
		}
		v.Value = radius.CHAP(chapIdentifier, v.Value, challenge)
	case avp.OfVendor(v.Attr, radius.VendorMicrosoft) == radius.AttrMSCHAPResponse:
		challenge, err := p.msChallenge(v, seen, radius.MSCHAPChallengeLen)
		if err != nil {
			return v, err
		}
		if v.Value, err = radius.MSCHAP(chapIdentifier, v.Value, challenge); err != nil {
			return v, badPassword(v, err)
		}
	case avp.OfVendor(v.Attr, radius.VendorMicrosoft) == radius.AttrMSCHAP2Response:
		challenge, err := p.msChallenge(v, seen, radius.MSCHAP2ChallengeLen)
		if err != nil {
			return v, err
		}
		var peer [radius.MSCHAP2ChallengeLen]byte
		if err := p.random(peer[:]); err != nil {
			return v, err
		}
		if v.Value, err = radius.MSCHAP2(chapIdentifier, seen.userName, v.Value, challenge, peer[:]); err != nil {
			return v, badPassword(v, err)
		}
	}
	return v, nil
}

func badPassword(v aaa.AVP, err error) error {
	return aaa.Invalid(aaa.Field{Path: v.Attr.Name, Rule: "password", Message: err.Error()})
}

// challenge returns the caller's challenge, or makes one of size octets.
func (p *pending) challenge(given []byte, size int) ([]byte, error) {
	if given != nil {
		return given, nil
	}
	c := make([]byte, size)
	return c, p.random(c)
}

// msChallenge is challenge for MS-CHAP: its length is fixed, and its attribute is MS-CHAP-Challenge (RFC 2548 §2.1.2).
func (p *pending) msChallenge(v aaa.AVP, seen *facts, size int) ([]byte, error) {
	c, err := p.challenge(seen.msChallenge, size)
	if err != nil || seen.msChallenge != nil {
		if err == nil && len(c) != size {
			err = aaa.Invalid(aaa.Field{
				Path: v.Attr.Name, Rule: "length",
				Message: fmt.Sprintf("needs an MS-CHAP-Challenge of %d octets, not %d", size, len(c)),
			})
		}
		return c, err
	}
	seen.msChallenge = c
	p.enc.RawVendor(radius.VendorMicrosoft, radius.AttrMSCHAPChallenge, c...)
	return c, nil
}
