package tacquitotest

import (
	"context"
	"fmt"
	"net"

	tq "github.com/facebookincubator/tacquito"
)

// plain is what tacquito serves without its configuration: PAP logins.
type plain struct {
	secret []byte
	users  map[string]string
	hold   func(user string) // nil: nothing
}

// Get gives every client the one secret.
func (p plain) Get(context.Context, net.Addr) ([]byte, tq.Handler, error) { return p.secret, p, nil }

// Handle answers a PAP login.
func (p plain) Handle(response tq.Response, request tq.Request) {
	var body tq.AuthenStart
	status := tq.AuthenStatusFail
	if err := tq.Unmarshal(request.Body, &body); err != nil || body.Type != tq.AuthenTypePAP {
		status = tq.AuthenStatusError
	} else if password, ok := p.users[string(body.User)]; ok && string(body.Data) == password {
		status = tq.AuthenStatusPass
	}
	if p.hold != nil {
		p.hold(string(body.User))
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
