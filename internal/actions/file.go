package actions

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"aaa-api/internal/aaa"
	"aaa-api/internal/fsm"
	"aaa-api/internal/limits"
	"aaa-api/internal/plans"
	"aaa-api/internal/router"
	"aaa-api/internal/usersfile"
)

// byPassword is what may come of comparing a password: ERROR where it could not be compared, FATAL where the rules can't be
// applied to the request.
var byPassword = []fsm.Event{fsm.ACK, fsm.NAK, fsm.ERROR, fsm.FATAL}

// File compares the request's password with that of a users file of the account, or of one above it.
// The entry's reply items become attributes of the answer, as the file has them.
type File struct {
	Processor *limits.Processor // where hashes wait for their turn; nil: they don't
}

// Spec implements router.Action.
func (File) Spec() fsm.Spec {
	return fsm.Spec{
		Name: "FILE", Does: "compares name and password with a users file; ERROR if the file does not exist",
		Later: byPassword, Decides: true,
		Xstring: "a users file of the account or of an account above it; by default users",
	}
}

// Run implements router.Action.
func (a File) Run(m *router.Machine, line *fsm.Line) fsm.Event {
	name := line.Xstring
	if name == "" {
		name = plans.DefaultUsersFile
	}
	file := m.Level().Files[name]
	if file == nil {
		m.Log().Error("FILE: there is no users file of this name", "file", name)
		return soon(m, fsm.ERROR)
	}
	return withLogin(m, func(ctx context.Context, l *login) router.Answer { return l.by(ctx, a.Processor, file) })
}

// soon answers with an event that a Spec has among those that come later.
func soon(m *router.Machine, event fsm.Event) fsm.Event {
	return m.Do(func(context.Context) router.Answer { return router.Answer{Event: event} })
}

// login is a name with the password in clear text, as a request brings them.
type login struct {
	account        aaa.AccountID // whose request it is
	name, password string
	values         aaa.Values // of the request, for check items
}

// withLogin leaves an entry for a job that needs the request's login, as the document's rules take it. The answer is NAK
// where the name or the password is missing: a request by CHAP has no password that a hash could be compared with.
func withLogin(m *router.Machine, job func(context.Context, *login) router.Answer) fsm.Event {
	req, level, budget := m.Request(), m.Level(), m.Budget()
	return m.Do(func(ctx context.Context) router.Answer {
		l := login{account: req.Account, values: req.Values}
		var err error
		if _, l.name, err = level.UserName(ctx, req, budget); err != nil {
			return router.Refused(ctx, err)
		}
		if l.password, err = level.Password(ctx, req, budget); err != nil {
			return router.Refused(ctx, err)
		}
		if l.name == "" || l.password == "" {
			return router.Answer{Event: fsm.NAK}
		}
		return job(ctx, &l)
	})
}

// by compares the login with a users file, once it is the turn of the login's account.
func (l *login) by(ctx context.Context, processor *limits.Processor, file *usersfile.File) router.Answer {
	entry, verdict, err := file.Verify(l.name, l.password, func(work func()) error { return processor.Do(ctx, l.account, work) })
	switch {
	case ctx.Err() != nil && errors.Is(err, ctx.Err()): // there was no time for it
		return router.Answer{Event: fsm.ERROR}
	case err != nil:
		return router.Answer{Event: fsm.ERROR, Err: err}
	case verdict != usersfile.Accepted || !meets(l.values, entry.Check) || !reaches(l.values, entry.Rights):
		return router.Answer{Event: fsm.NAK}
	}
	return router.Answer{Event: fsm.ACK, Result: replied(&entry)}
}

// replied is a result with the entry's reply items.
func replied(entry *usersfile.Entry) *aaa.Result {
	res := &aaa.Result{}
	for _, item := range entry.Reply {
		res.AVPs.Add(item.Name, item.Value)
	}
	return res
}

// meets reports whether a request has every check item among its keys: of a key
// with several values one of them is enough.
func meets(values aaa.Values, items []usersfile.Item) bool {
	for _, item := range items {
		value, ok := values[item.Name]
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
