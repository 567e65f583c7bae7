package radius

import (
	"aaa-api/internal/engines"
	"aaa-api/internal/radius"
)

// unfit is why a reply is dropped: in words for an operator, and as the kind that the router knows.
type unfit struct {
	text string
	kind error
}

func (u *unfit) Error() string { return u.text }
func (u *unfit) Unwrap() error { return u.kind }

// errOtherKey is a reply to a request that its server could not read.
var errOtherKey error = &unfit{"the reply verifies under the other of secret and previous_secret, so that its server could not read the request", engines.ErrUnverified}

// unfits say what an error of the codec means for a reply.
var unfits = map[error]error{
	radius.ErrShort:         &unfit{"the reply is cut off: it is shorter than a header, or than its own length field says", engines.ErrMalformed},
	radius.ErrLong:          &unfit{"the reply is longer than the 4096 octets that RADIUS allows", engines.ErrMalformed},
	radius.ErrMalformed:     &unfit{"the lengths of the reply's attributes do not add up", engines.ErrMalformed},
	radius.ErrCode:          &unfit{"the reply's code answers no such request: is this the port for it?", engines.ErrMalformed},
	radius.ErrMACShape:      &unfit{"the reply has two Message-Authenticators, or one that is not 16 octets long", engines.ErrMalformed},
	radius.ErrAuthenticator: &unfit{"the reply's Response Authenticator does not verify: do both ends have the same secret?", engines.ErrUnverified},
	radius.ErrMAC:           &unfit{"the reply's Message-Authenticator does not verify", engines.ErrUnverified},
	radius.ErrNoMAC: &unfit{
		"the reply has no Message-Authenticator, which require_message_authenticator wants (auto: the server has signed several replies of this kind, and no other came)",
		engines.ErrNoAuthenticator,
	},
	radius.ErrNoMACWithEAP: &unfit{"the reply has an EAP-Message and no Message-Authenticator, which RFC 3579 wants beside it", engines.ErrNoAuthenticator},
}

// unfitReply returns what an error of the codec means for a reply.
func unfitReply(err error) error {
	if u, ok := unfits[err]; ok {
		return u
	}
	return &unfit{err.Error(), engines.ErrMalformed}
}
