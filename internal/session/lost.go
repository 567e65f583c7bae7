package session

import (
	"context"
	"errors"
	"sync"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// Bounds of the losses that no session is known for: those of plain requests, and those that come before the
// session's challenge is written.
const (
	lostTime = time.Minute
	maxLost  = 10_000
	// lostAtOnce is how many sessions fail between two looks at what is due: a server that closes all of its connections keeps
	// nobody's timers waiting.
	lostAtOnce = 50
)

// dialogues are the sessions whose challenge waits on a connection of this node, by State. The engine that holds
// the connections bounds them: each entry goes with its dialogue.
type dialogues struct {
	mu    sync.Mutex
	of    map[string]store.SessionRecord // account and hash alone
	lost  map[string]time.Time           // without a session, when
	ended []ended
	kick  chan struct{}
}

// ended is a session that is to fail.
type ended struct {
	rec        store.SessionRecord
	state, why string
}

func newDialogues() *dialogues {
	return &dialogues{of: make(map[string]store.SessionRecord), lost: make(map[string]time.Time), kick: make(chan struct{}, 1)}
}

// DialogueLost says that the dialogue of a challenge with this State ended while it waited for its answer. The
// session that it belongs to fails. It does not block.
func (m *Manager) DialogueLost(state, why string) {
	d := m.dialogues
	d.mu.Lock()
	defer d.mu.Unlock()
	rec, ok := d.of[state]
	if !ok {
		now := m.now()
		if len(d.lost) >= maxLost {
			for s, at := range d.lost {
				if now.Sub(at) >= lostTime {
					delete(d.lost, s)
				}
			}
		}
		if len(d.lost) < maxLost {
			d.lost[state] = now
		}
		return
	}
	d.fail(state, rec, why)
}

// fail hands a session to RunSessions; mu is held.
func (d *dialogues) fail(state string, rec store.SessionRecord, why string) {
	delete(d.of, state)
	d.ended = append(d.ended, ended{rec, state, why})
	d.wake()
}

// wake has RunSessions look.
func (d *dialogues) wake() {
	select {
	case d.kick <- struct{}{}:
	default:
	}
}

// watch notes that a session waits for the answer to a challenge whose dialogue is on this node.
func (d *dialogues) watch(s *session) {
	state := s.private.State
	rec := store.SessionRecord{Account: s.rec.Account, Hash: s.rec.Hash, ID: s.rec.ID}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, gone := d.lost[state]; gone {
		delete(d.lost, state)
		d.fail(state, rec, "it ended as soon as it had begun")
		return
	}
	d.of[state] = rec
}

// forget notes that a dialogue is gone on with; it returns whether it was watched.
func (d *dialogues) forget(state string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.of[state]
	delete(d.of, state)
	return ok
}

// endLost fails some of the sessions whose dialogues were lost. What the store does not take now is tried again by the next call.
func (m *Manager) endLost(ctx context.Context) {
	d := m.dialogues
	d.mu.Lock()
	list := d.ended[:min(len(d.ended), lostAtOnce)]
	d.ended = d.ended[len(list):]
	more := len(d.ended) > 0
	d.mu.Unlock()
	for i, e := range list {
		s, err := m.change(ctx, m.again(ctx, &session{rec: e.rec}), func(s *session) error {
			if s.place() != Cont || s.private.State != e.state {
				return errOver
			}
			s.fail(causeLost, m.now())
			return nil
		})
		switch {
		case err == nil:
			m.metrics.count(countFailed)
			m.log.InfoContext(ctx, "a session's dialogue is lost", "account", s.rec.Account, "session", s.rec.ID, "server", s.Server, "reason", e.why)
		case aaa.KindOf(err) == aaa.KindUnavailable:
			d.mu.Lock()
			d.ended = append(d.ended, list[i:]...)
			d.mu.Unlock()
			return
		case ignoreOver(err) != nil:
			m.log.ErrorContext(ctx, "a session whose dialogue is lost was not ended", "account", e.rec.Account, "session", e.rec.ID, "error", err)
		}
	}
	if more {
		d.wake()
	}
}

// newSession makes of an error about a State, which the session's caller never sent, one about the session.
func newSession(err error) error {
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != aaa.KindBadInput {
		return err
	}
	for _, f := range e.Fields {
		if f.Path == stateKey {
			return &aaa.Error{Kind: aaa.KindConflict, Message: "the login cannot be continued, begin a new session: " + f.Message, Err: err}
		}
	}
	return err
}
