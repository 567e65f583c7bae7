package radius

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"

	"layeh.com/radius/rfc2759"
)

// MaxMSCHAPPassword is the longest password of MS-CHAP, in UTF-16 code units (RFC 2759 §8).
const MaxMSCHAPPassword = 256

// Lengths of challenges, in octets.
const (
	CHAPChallengeLen    = AuthenticatorLen // of those made here: RFC 2865 §5.40 allows others
	MSCHAPChallengeLen  = 8                // RFC 2433 §2
	MSCHAP2ChallengeLen = 16               // RFC 2759 §2
)

// CHAP is the value of CHAP-Password (RFC 2865 §5.3, RFC 1994 §4.1).
func CHAP(id byte, password, challenge []byte) []byte {
	sum := md5.Sum(append(append([]byte{id}, password...), challenge...))
	return append([]byte{id}, sum[:]...)
}

// MSCHAP is the value of MS-CHAP-Response with an NT response only (RFC 2548 §2.1.3, RFC 2433).
func MSCHAP(id byte, password, challenge []byte) ([]byte, error) {
	wide, err := utf16Password(password)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 50)
	out[0], out[1] = id, 1 // flags: use the NT response
	copy(out[26:], rfc2759.ChallengeResponse(challenge, rfc2759.NTPasswordHash(wide)))
	return out, nil
}

// MSCHAP2 is the value of MS-CHAP2-Response (RFC 2548 §2.3.2, RFC 2759 §8). The user name enters the hash without its
// Windows domain.
func MSCHAP2(id byte, user, password, challenge, peer []byte) ([]byte, error) {
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

// errLongPassword is a password that MS-CHAP has no room for.
var errLongPassword = errors.New("longer than 256 characters")

func utf16Password(password []byte) ([]byte, error) {
	wide, err := rfc2759.ToUTF16(password)
	if err != nil {
		return nil, fmt.Errorf("can't be written as UTF-16: %w", err)
	}
	if len(wide) > 2*MaxMSCHAPPassword {
		return nil, errLongPassword
	}
	return wide, nil
}
