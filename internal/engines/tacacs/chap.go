package tacacs

import (
	"bytes"
	"crypto/md5"
	"crypto/rand"
	"fmt"

	"layeh.com/radius/rfc2759"

	"aaa-api/internal/aaa"
)

const (
	md5Len      = 16
	msAnswerLen = 49 // of MS-CHAP's response, both versions (RFC 2433 §6, RFC 2759 §4)
	// chapIdentifier is the PPP identifier of answers that the engine computes: each challenge is
	// fresh, so that it distinguishes nothing.
	chapIdentifier = 1
	// maxMSCHAPPassword is the longest password of MS-CHAP in UTF-16 code units (RFC 2759 §8).
	maxMSCHAPPassword = 256
)

// challenged is the data of a START of type CHAP, MS-CHAP or MS-CHAPv2: the PPP identifier, the
// challenge and the response (RFC 8907 §5.4.2.3 to 5.4.2.5). With a response they are passed
// on as given; else the response is computed from the password in the clear, of a challenge given or a fresh one.
func (f *fields) challenged(method AuthenType) (Sensitive, error) {
	bad := func(path, message string) (Sensitive, error) {
		return nil, aaa.Invalid(aaa.Field{Path: path, Rule: "authentication", Message: message})
	}
	size, answerLen := md5Len, md5Len
	switch method {
	case AuthenMSCHAP:
		size, answerLen = 8, msAnswerLen
	case AuthenMSCHAPv2:
		answerLen = msAnswerLen
	}
	id := octet(f.chapID, chapIdentifier)
	challenge := f.chapChallenge
	switch {
	case f.chapAnswer != nil && len(f.chapAnswer) != answerLen:
		return bad("chap_response", fmt.Sprintf("has %d octets with this authentication type", answerLen))
	case f.chapAnswer != nil && (challenge == nil || f.chapID == nil):
		return bad("chap_challenge", "a response needs the challenge and the identifier that it answers")
	case f.chapAnswer == nil && f.password == nil:
		return bad("password", "this authentication type needs a password or a response")
	case challenge == nil:
		challenge = make([]byte, size)
		rand.Read(challenge) //nolint:errcheck // never fails since Go 1.24
	case method == AuthenCHAP && (len(challenge) == 0 || 1+len(challenge)+answerLen > 255):
		return bad("chap_challenge", "has 1 to 238 octets")
	case method != AuthenCHAP && len(challenge) != size:
		return bad("chap_challenge", fmt.Sprintf("has %d octets with this authentication type", size))
	}
	answer := f.chapAnswer
	if answer == nil {
		var err error
		if answer, err = respond(method, id, f.user, f.password, challenge); err != nil {
			return bad("password", "can't be hashed for this authentication type: it is not UTF-8, or longer than 256 characters")
		}
	}
	data := make(Sensitive, 0, 1+len(challenge)+len(answer))
	return append(append(append(data, id), challenge...), answer...), nil
}

// respond computes a response.
func respond(method AuthenType, id byte, user, password, challenge []byte) ([]byte, error) {
	if method == AuthenCHAP { // RFC 1994 §4.1
		sum := md5.Sum(append(append([]byte{id}, password...), challenge...))
		return sum[:], nil
	}
	wide, err := rfc2759.ToUTF16(password)
	if err != nil {
		return nil, err
	}
	if len(wide) > 2*maxMSCHAPPassword {
		return nil, errTooLong
	}
	answer := make([]byte, msAnswerLen)
	if method == AuthenMSCHAP { // RFC 2433: no LAN Manager response, the flag says to use the other
		copy(answer[24:], rfc2759.ChallengeResponse(challenge, rfc2759.NTPasswordHash(wide)))
		answer[48] = 1
		return answer, nil
	}
	peer := answer[:16]
	rand.Read(peer) //nolint:errcheck // never fails since Go 1.24
	if i := bytes.LastIndexByte(user, '\\'); i >= 0 {
		user = user[i+1:] // the hash is of the name without its Windows domain (RFC 2759 §4)
	}
	response, err := rfc2759.GenerateNTResponse(challenge, peer, user, password)
	if err != nil {
		return nil, err
	}
	copy(answer[24:], response)
	return answer, nil
}

var errTooLong = fmt.Errorf("longer than %d characters", maxMSCHAPPassword)
