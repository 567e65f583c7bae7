package tacacs

import (
	"bytes"
	"crypto/md5"
	"crypto/rand"
	"errors"
	"fmt"
	"unicode/utf8"

	"layeh.com/radius/rfc2759"
)

// CHAP is the data of a START of type CHAP, MS-CHAP or MS-CHAPv2: the PPP identifier, the challenge and the
// response, without lengths (RFC 8907 §5.4.2.3 to §5.4.2.5).
type CHAP struct {
	ID        byte
	Challenge []byte
	Response  Sensitive
}

const msResponseLen = 49 // both versions (RFC 2433 §6, RFC 2759 §4)

// maxMSPassword is the longest password of MS-CHAP in UTF-16 code units (RFC 2759 §8).
const maxMSPassword = 256

// MaxChallenge is the longest challenge of CHAP in octets: data has room for 255.
const MaxChallenge = 255 - 1 - md5.Size

// ChallengeLen is the length of a challenge in octets; one of CHAP may have 1 to MaxChallenge.
func ChallengeLen(method AuthenType) int {
	if method == AuthenMSCHAP {
		return 8
	}
	return 16
}

// ResponseLen is the length of a response in octets.
func ResponseLen(method AuthenType) int {
	if method == AuthenCHAP {
		return md5.Size
	}
	return msResponseLen
}

// Data encodes c for a START of that type. An error is a *FieldError of challenge or response.
func (c *CHAP) Data(method AuthenType) (Sensitive, error) {
	if !challengeFits(method, len(c.Challenge)) {
		return nil, &FieldError{"challenge", challengeBounds(method)}
	}
	if len(c.Response) != ResponseLen(method) {
		return nil, &FieldError{"response", fmt.Sprintf("has %d octets with this authentication type", ResponseLen(method))}
	}
	data := make(Sensitive, 0, 1+len(c.Challenge)+len(c.Response))
	return append(append(append(data, c.ID), c.Challenge...), c.Response...), nil
}

// ParseCHAP decodes the data of a START of that type. It keeps nothing of data. Errors are FaultType for a method
// that has no challenge, and FaultLengths.
func ParseCHAP(method AuthenType, data []byte) (CHAP, error) {
	switch method {
	case AuthenCHAP, AuthenMSCHAP, AuthenMSCHAPv2:
	default:
		return CHAP{}, FaultType
	}
	n := len(data) - 1 - ResponseLen(method)
	if !challengeFits(method, n) {
		return CHAP{}, FaultLengths
	}
	return CHAP{ID: data[0], Challenge: bytes.Clone(data[1 : 1+n]), Response: keep(data[1+n:])}, nil
}

func challengeFits(method AuthenType, n int) bool {
	if method == AuthenCHAP {
		return n >= 1 && n <= MaxChallenge
	}
	return n == ChallengeLen(method)
}

func challengeBounds(method AuthenType) string {
	if method == AuthenCHAP {
		return fmt.Sprintf("has 1 to %d octets", MaxChallenge)
	}
	return fmt.Sprintf("has %d octets with this authentication type", ChallengeLen(method))
}

// ErrPassword is the error of a password that has no MS-CHAP hash: it is not UTF-8, or over 256 UTF-16 code units.
var ErrPassword = errors.New("the password has no MS-CHAP hash")

// Respond computes the response to a challenge from the password. With MS-CHAPv2 it depends on the user's name, too,
// and on a random challenge of its own. An error is ErrPassword, or a *FieldError of challenge.
func Respond(method AuthenType, id byte, user, password, challenge []byte) (Sensitive, error) {
	if !challengeFits(method, len(challenge)) {
		return nil, &FieldError{"challenge", challengeBounds(method)}
	}
	if method == AuthenCHAP { // RFC 1994 §4.1
		sum := md5.Sum(append(append([]byte{id}, password...), challenge...))
		return sum[:], nil
	}
	if !utf8.Valid(password) { // ToUTF16 would hash another password
		return nil, ErrPassword
	}
	wide, err := rfc2759.ToUTF16(password)
	if err != nil || len(wide) > 2*maxMSPassword {
		return nil, ErrPassword
	}
	response := make(Sensitive, msResponseLen)
	if method == AuthenMSCHAP { // RFC 2433: the flag at the end says that there is no LAN Manager response
		copy(response[24:], rfc2759.ChallengeResponse(challenge, rfc2759.NTPasswordHash(wide)))
		response[48] = 1
		return response, nil
	}
	peer := response[:16]
	rand.Read(peer) //nolint:errcheck // never fails since Go 1.24
	if i := bytes.LastIndexByte(user, '\\'); i >= 0 {
		user = user[i+1:] // the hash is of the name without its Windows domain (RFC 2759 §4)
	}
	nt, err := rfc2759.GenerateNTResponse(challenge, peer, user, password)
	if err != nil {
		return nil, ErrPassword
	}
	copy(response[24:], nt)
	return response, nil
}
