package tacacs

import (
	"crypto/rand"
	"errors"

	"aaa-api/internal/aaa"
	"aaa-api/internal/tacacs"
)

// chapIdentifier is the PPP identifier of responses that the engine computes. Each challenge is
// fresh, so that the identifier distinguishes nothing.
const chapIdentifier = 1

// challenged returns the data of a START of type CHAP, MS-CHAP or MS-CHAPv2 (RFC 8907 §5.4.2.3 to §5.4.2.5). It passes
// a response on as given. Without one it computes the response from the password, to the challenge given or to a fresh one.
func (f *fields) challenged(method tacacs.AuthenType) (tacacs.Sensitive, error) {
	bad := func(path, message string) (tacacs.Sensitive, error) {
		return nil, aaa.Invalid(aaa.Field{Path: path, Rule: "authentication", Message: message})
	}
	c := tacacs.CHAP{ID: octet(f.chapID, chapIdentifier), Challenge: f.chapChallenge, Response: f.chapAnswer}
	switch {
	case f.chapAnswer != nil && (f.chapChallenge == nil || f.chapID == nil):
		return bad("chap_challenge", "a response needs the challenge and the identifier that it answers")
	case f.chapAnswer == nil && f.password == nil:
		return bad("password", "this authentication type needs a password or a response")
	case f.chapChallenge == nil:
		c.Challenge = make([]byte, tacacs.ChallengeLen(method))
		rand.Read(c.Challenge) //nolint:errcheck // never fails since Go 1.24
	}
	var err error
	if f.chapAnswer == nil {
		c.Response, err = tacacs.Respond(method, c.ID, f.user, f.password, c.Challenge)
	}
	var data tacacs.Sensitive
	if err == nil {
		data, err = c.Data(method)
	}
	var field *tacacs.FieldError
	switch {
	case errors.As(err, &field):
		return bad("chap_"+field.Field, field.Problem)
	case err != nil:
		return bad("password", "can't be hashed for this authentication type: it is not UTF-8, or longer than 256 characters")
	}
	return data, nil
}
