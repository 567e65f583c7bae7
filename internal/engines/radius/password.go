package radius

import (
	"bytes"
	"crypto/md5"
	"fmt"

	"layeh.com/radius/rfc2759"

	"aaa-api/internal/aaa"
)

// maxMSCHAPPassword is the longest password of MS-CHAP, in UTF-16 code units (RFC 2759 §8).
const maxMSCHAPPassword = 256

// chapIdentifier is the CHAP identifier of the answers that the engine computes:
// it takes part in the hash and distinguishes nothing, each challenge being fresh.
const chapIdentifier = 1

// hashed answers a challenge with a password given in the clear: it turns the AVP
// into what CHAP-Password, MS-CHAP-Response or MS-CHAP2-Response carry, and makes the challenge where none was given.
func (p *pending) hashed(v aaa.AVP, seen *facts) (aaa.AVP, error) {
	v.Clear = false
	switch {
	case standard(v.Attr) == attrCHAPPassword:
		challenge, err := p.challenge(seen.chapChallenge, authLen)
		if err != nil {
			return v, err
		}
		if seen.chapChallenge == nil {
			seen.chapChallenge = challenge
			p.frame.raw(attrCHAPChallenge, challenge...)
		}
		v.Value = chap(chapIdentifier, v.Value, challenge)
	case microsoft(v.Attr) == attrMSCHAPResponse:
		challenge, err := p.msChallenge(v, seen, 8)
		if err != nil {
			return v, err
		}
		if v.Value, err = msCHAP(chapIdentifier, v.Value, challenge); err != nil {
			return v, badPassword(v, err)
		}
	case microsoft(v.Attr) == attrMSCHAP2Response:
		challenge, err := p.msChallenge(v, seen, authLen)
		if err != nil {
			return v, err
		}
		var peer [authLen]byte
		if err := p.random(peer[:]); err != nil {
			return v, err
		}
		if v.Value, err = msCHAP2(chapIdentifier, seen.userName, v.Value, challenge, peer[:]); err != nil {
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

// msChallenge is challenge for MS-CHAP, whose lengths are fixed, with the
// MS-CHAP-Challenge attribute (RFC 2548 §2.1.2).
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
	p.frame.raw(attrVendor, append([]byte{
		0, 0, vendorMicrosoft >> 8, vendorMicrosoft & 0xff, attrMSCHAPChallenge, byte(2 + size),
	}, c...)...)
	return c, nil
}

// chap is the value of CHAP-Password (RFC 2865 §5.3, RFC 1994 §4.1).
func chap(id byte, password, challenge []byte) []byte {
	in := append(append([]byte{id}, password...), challenge...)
	sum := md5.Sum(in)
	return append([]byte{id}, sum[:]...)
}

// msCHAP is the value of MS-CHAP-Response with an NT response only (RFC 2548 §2.1.3, RFC 2433).
func msCHAP(id byte, password, challenge []byte) ([]byte, error) {
	wide, err := utf16Password(password)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 50)
	out[0], out[1] = id, 1 // flags: use the NT response
	copy(out[26:], rfc2759.ChallengeResponse(challenge, rfc2759.NTPasswordHash(wide)))
	return out, nil
}

// msCHAP2 is the value of MS-CHAP2-Response (RFC 2548 §2.3.2, RFC 2759 §8). The
// user name enters the hash without its Windows domain.
func msCHAP2(id byte, user, password, challenge, peer []byte) ([]byte, error) {
	if _, err := utf16Password(password); err != nil {
		return nil, err
	}
	if i := bytes.LastIndexByte(user, '\\'); i >= 0 {
		user = user[i+1:]
	}
	response, err := rfc2759.GenerateNTResponse(challenge, peer, user, password)
	if err != nil {
		return nil, fmt.Errorf("can't be hashed: %w", err)
	}
	out := make([]byte, 50)
	out[0] = id
	copy(out[2:], peer)
	copy(out[26:], response)
	return out, nil
}

func utf16Password(password []byte) ([]byte, error) {
	wide, err := rfc2759.ToUTF16(password)
	if err != nil {
		return nil, fmt.Errorf("can't be written as UTF-16: %w", err)
	}
	if len(wide) > 2*maxMSCHAPPassword {
		return nil, fmt.Errorf("longer than %d characters", maxMSCHAPPassword)
	}
	return wide, nil
}
