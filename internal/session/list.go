package session

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// stages are the places by the names that a list takes and the store keeps.
var stages = map[Place]store.SessionStage{
	Inactive: "inactive", Init: "init", Cont: "cont", Completed: store.StageWaiting,
	Opened: store.StageOpen, Suspended: store.StageSuspended, Closed: store.StageClosed, Failed: "failed",
}

// userHash is by what the store finds the sessions of a user.
func userHash(user string) string {
	sum := sha256.Sum256([]byte("user\x00" + user))
	return hex.EncodeToString(sum[:16])
}

// listed is a filter as it is applied.
type listed struct {
	user   string
	stages []store.SessionStage // nil: all
}

func newListed(f aaa.SessionFilter) (listed, error) {
	l := listed{user: f.User}
	switch at := store.SessionStage(f.State); {
	case f.State == "":
	case f.State == string(aaa.SessionCompleted):
		l.stages = []store.SessionStage{store.StageWaiting, store.StageOpen, store.StageSuspended, store.StageClosed}
	case slices.Contains(slices.Collect(maps.Values(stages)), at):
		l.stages = []store.SessionStage{at}
	default:
		names := []string{} // of a type that passes between processes
		for _, stage := range slices.Sorted(maps.Values(stages)) {
			names = append(names, string(stage))
		}
		return l, aaa.Invalid(aaa.Field{Path: "filter_state", Rule: "enum", Message: "is no state of a session", Target: names, Value: f.State})
	}
	return l, nil
}

// has reports whether a session is listed: the store may give more than that.
func (l listed) has(s *session) bool {
	return (l.user == "" || l.user == s.User) && (l.stages == nil || slices.Contains(l.stages, stages[s.place()]))
}

// by is what the store looks up.
func (l listed) by() store.SessionsBy {
	if l.user != "" {
		return store.SessionsBy{UserHash: userHash(l.user)}
	}
	return store.SessionsBy{Stages: l.stages}
}

// lookThrough is how many sessions of a user are looked through, at least, for those in one state.
const lookThrough = 1000

// Sessions gives a page of an account's sessions by derived id, ended ones for a day. A page that is not full may have a next one.
func (m *Manager) Sessions(ctx context.Context, account aaa.AccountID, filter aaa.SessionFilter, p store.Page) (list []aaa.Session, next string, err error) {
	return m.list(ctx, account, filter, p, m.store.List, func(s *session) string { return s.rec.ID })
}

// SessionsBelow gives a page of the sessions of an account and of all below it, by account and derived id. A page
// that is not full may have a next one.
func (m *Manager) SessionsBelow(ctx context.Context, account aaa.AccountID, filter aaa.SessionFilter, p store.Page) (list []aaa.Session, next string, err error) {
	return m.list(ctx, account, filter, p, m.store.Below, func(s *session) string { return string(s.rec.Account) + "/" + s.rec.ID })
}

func (m *Manager) list(ctx context.Context, account aaa.AccountID, filter aaa.SessionFilter, p store.Page,
	read func(context.Context, aaa.AccountID, store.SessionsBy, store.Page) ([]store.SessionRecord, string, error),
	key func(*session) string,
) (list []aaa.Session, next string, err error) {
	l, err := newListed(filter)
	if err != nil {
		return nil, "", err
	}
	look := p
	if l.user != "" && l.stages != nil && p.Limit > 0 {
		look.Limit = max(p.Limit, lookThrough)
	}
	records, next, err := read(ctx, account, l.by(), look)
	if err != nil {
		return nil, "", stored(err)
	}
	list = make([]aaa.Session, 0, len(records))
	for _, rec := range records {
		s, err := unpack(rec)
		if err != nil {
			return nil, "", err
		}
		switch {
		case !l.has(s):
		case p.Limit > 0 && len(list) == p.Limit:
			return list, key(s), nil
		default:
			list = append(list, s.view(m.now()))
		}
	}
	return list, next, nil
}
