package actions

import (
	"context"
	"fmt"
	"slices"

	"aaa-api/internal/aaa"
	"aaa-api/internal/fsm"
	"aaa-api/internal/router"
	"aaa-api/internal/tenant"
	"aaa-api/internal/usersfile"
)

// byPassword is what may come of comparing a password: ERROR where it could not be compared.
var byPassword = []fsm.Event{fsm.ACK, fsm.NAK, fsm.ERROR}

// File compares the request's password with that of a users file of the account, or of one above it.
// The entry's reply items become attributes of the answer, as the file has them.
type File struct{}

// Spec implements router.Action.
func (File) Spec() fsm.Spec {
	return fsm.Spec{
		Name: "FILE", Does: "compares name and password with a users file; ERROR where there is no such file",
		Later: byPassword, Decides: true,
		Xstring: "a users file of the account or of one above it; users where it is left out",
	}
}

// Run implements router.Action.
func (File) Run(m *router.Machine, line *fsm.Line) fsm.Event {
	name := line.Xstring
	if name == "" {
		name = tenant.DefaultUsersFile
	}
	file := m.Level().Files[name]
	if file == nil {
		m.Log().Error("FILE: there is no users file of this name", "file", name)
		return soon(m, fsm.ERROR)
	}
	l, ok := loginOf(m)
	if !ok {
		return soon(m, fsm.NAK)
	}
	return m.Do(func(ctx context.Context) router.Answer { return l.by(ctx, file) })
}

// soon answers with an event that a Spec has among those that come later.
func soon(m *router.Machine, event fsm.Event) fsm.Event {
	return m.Do(func(context.Context) router.Answer { return router.Answer{Event: event} })
}

// login is a name with the password in clear text, as a request brings them.
type login struct {
	name, password string
	values         map[string]any // of the request, for check items
}

// loginOf takes them from the request as the document's rules do; false where one is missing (a
// request by CHAP has no password that a hash could be compared with).
func loginOf(m *router.Machine) (login, bool) {
	req := m.Request()
	_, name := m.Level().UserName(req.Op, req.Values)
	l := login{name, m.Level().Password(req.Op, req.Values), req.Values}
	return l, l.name != "" && l.password != ""
}

// by compares the login with a users file.
func (l *login) by(ctx context.Context, file *usersfile.File) router.Answer {
	entry, verdict, err := file.Verify(ctx, l.name, l.password)
	switch {
	case err != nil: // there was no time for it
		return router.Answer{Event: fsm.ERROR}
	case verdict != usersfile.Accepted || !l.meets(entry.Check):
		return router.Answer{Event: fsm.NAK}
	}
	res := &aaa.Result{AVPs: make(map[string]any, len(entry.Reply))}
	for _, item := range entry.Reply {
		switch before := res.AVPs[item.Name].(type) {
		case nil:
			res.AVPs[item.Name] = item.Value
		case []any:
			res.AVPs[item.Name] = append(before, item.Value)
		default:
			res.AVPs[item.Name] = []any{before, item.Value}
		}
	}
	return router.Answer{Event: fsm.ACK, Result: res}
}

// meets reports whether the request has every check item among its keys: of a key
// with several values one of them is enough.
func (l *login) meets(items []usersfile.Item) bool {
	for _, item := range items {
		value, ok := l.values[item.Name]
		if !ok {
			return false
		}
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		if !slices.ContainsFunc(list, func(v any) bool { return fmt.Sprint(v) == item.Value }) {
			return false
		}
	}
	return true
}
