package tacquitotest

import (
	"crypto/subtle"
	"fmt"

	tq "github.com/facebookincubator/tacquito"
	"github.com/facebookincubator/tacquito/cmds/server/config/authenticators"
)

// plain is an authenticator that knows its user's password.
type plain struct {
	authenticators.Methods
	password string
}

// New makes the authenticator of a user.
func (plain) New(_ string, options map[string]string) (tq.Handler, error) {
	return plain{password: options["password"]}, nil
}

// Handle answers a packet that holds a password.
func (p plain) Handle(response tq.Response, request tq.Request) {
	status := tq.AuthenStatusFail
	if got, err := p.GetPassword(request); err == nil && subtle.ConstantTimeCompare([]byte(got), []byte(p.password)) == 1 {
		status = tq.AuthenStatusPass
	}
	_, _ = response.Reply(tq.NewAuthenReply(tq.SetAuthenReplyStatus(status)))
}

// records hands on what tacquito's accounter prints.
type records func(record string)

// Printf takes one record.
func (r records) Printf(format string, args ...any) {
	if r != nil {
		r(fmt.Sprintf(format, args...))
	}
}
