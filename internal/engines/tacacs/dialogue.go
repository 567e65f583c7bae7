package tacacs

import (
	"container/list"
	"crypto/rand"
	"sync"
	"time"

	"aaa-api/internal/aaa"
)

// handleLen is the length of a State: 16 random octets, which nobody guesses.
const handleLen = 16

type handle [handleLen]byte

// dialogue is a login that waits for the user's answer.
type dialogue struct {
	client  *client
	session *Session
	status  AuthenStatus // what the server asked for last
	chpass  bool         // it changes a password
	user    string       // the name that a GETUSER was answered with last
	handle  handle
	expires time.Time
}

// dialogues are the logins of all servers that wait. They are bounded in number and age: the
// oldest make room, and one timer ends those whose user has gone.
type dialogues struct {
	life time.Duration
	most int

	mu    sync.Mutex
	by    map[handle]*list.Element
	order *list.List  // oldest first; all live equally long
	timer *time.Timer // runs while there are any; else nil
}

func newDialogues(life time.Duration, most int) *dialogues {
	return &dialogues{life: life, most: most, by: make(map[handle]*list.Element), order: list.New()}
}

// keep takes a dialogue in under a new handle.
func (t *dialogues) keep(d *dialogue) handle {
	rand.Read(d.handle[:]) //nolint:errcheck // never fails since Go 1.24
	t.put(d)
	return d.handle
}

// put takes a dialogue in under the handle that it has.
func (t *dialogues) put(d *dialogue) {
	t.mu.Lock()
	var crowded *Session
	if t.order.Len() >= t.most {
		crowded = t.remove(t.order.Front()).session
	}
	d.expires = time.Now().Add(t.life)
	t.by[d.handle] = t.order.PushBack(d)
	if t.timer == nil {
		t.timer = time.AfterFunc(t.life, t.expire)
	}
	t.mu.Unlock()
	if crowded != nil {
		crowded.Abort("too many logins")
	}
}

// take gives out the dialogue of a handle, which is then the caller's alone; nil where there is
// none, or one of another server.
func (t *dialogues) take(state []byte, c *client) *dialogue {
	if len(state) != handleLen {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.by[handle(state)]
	if e == nil || e.Value.(*dialogue).client != c {
		return nil
	}
	return t.remove(e)
}

// remove takes a dialogue out; mu is held.
func (t *dialogues) remove(e *list.Element) *dialogue {
	d := t.order.Remove(e).(*dialogue)
	delete(t.by, d.handle)
	if t.order.Len() == 0 && t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
	return d
}

// expire ends the dialogues that are too old, and sets the timer for the next.
func (t *dialogues) expire() {
	now := time.Now()
	var old []*Session
	t.mu.Lock()
	for e := t.order.Front(); e != nil && !now.Before(e.Value.(*dialogue).expires); e = t.order.Front() {
		old = append(old, t.remove(e).session)
	}
	if e := t.order.Front(); e != nil && t.timer != nil {
		t.timer.Reset(e.Value.(*dialogue).expires.Sub(now))
	}
	t.mu.Unlock()
	for _, s := range old {
		s.Abort("timeout")
	}
}

// errAnew is for a State that leads to no login.
func errAnew() error {
	return aaa.Invalid(aaa.Field{
		Path: "State", Rule: "state",
		Message: "the login that it belongs to is over, was given up, or was begun at another node: begin anew without it",
	})
}
