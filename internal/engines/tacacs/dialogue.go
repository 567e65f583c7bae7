package tacacs

import (
	"bytes"
	"container/list"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/tacacs/conns"
	"aaa-api/internal/tacacs"
)

// handleLen is the length of a State: 16 random octets, which can't be guessed.
const handleLen = 16

type handle [handleLen]byte

// dialogue is a login that waits for the user's answer.
type dialogue struct {
	client  *client
	account aaa.AccountID // whose request began it
	session *conns.Session
	status  tacacs.AuthenStatus // what the server asks for
	chpass  bool                // it changes a password
	user    string              // the latest answer to a GETUSER
	// answered: an earlier request brought a password or another answer.
	answered bool
	handle   handle
	expires  time.Time
	lost     string // why it can't be continued; empty: it can
	kept     bool   // it waited before, so it has a place at the node
	inOrder  *list.Element
	inOwn    *list.Element
}

// dialogues are the logins of all servers that wait. They are bounded in age, and in number for each account that
// asks, whose own oldest makes room. One timer ends those whose user has gone.
type dialogues struct {
	life time.Duration
	most int                // of an account
	all  int                // of the node
	tell func(engines.Lost) // called for dialogues that end while they wait; may be nil

	mu    sync.Mutex
	by    map[handle]*dialogue
	own   map[aaa.AccountID]*list.List // oldest first
	order *list.List                   // oldest first; all live equally long
	timer *time.Timer                  // runs while there are any; else nil
}

func newDialogues(opts *EngineOptions) *dialogues {
	return &dialogues{
		life: opts.DialogueLife, most: opts.MaxDialogues, all: nodeDialogues, tell: opts.Lost,
		by: make(map[handle]*dialogue), own: make(map[aaa.AccountID]*list.List), order: list.New(),
	}
}

// keep stores a dialogue under a new handle. An error is an *aaa.Error of KindBusy.
func (t *dialogues) keep(d *dialogue) (handle, error) {
	rand.Read(d.handle[:]) //nolint:errcheck // never fails since Go 1.24
	return d.handle, t.put(d)
}

// put stores a dialogue under the handle that it has.
func (t *dialogues) put(d *dialogue) error {
	account := d.account
	t.mu.Lock()
	own := t.own[account]
	var crowded *dialogue
	switch {
	case own != nil && own.Len() >= t.most:
		crowded = t.remove(own.Front().Value.(*dialogue))
	case t.order.Len() >= t.all && !d.kept: // one that waited goes on: its answer was sent and can't be repeated
		t.mu.Unlock()
		d.session.Abort("too many logins")
		return &aaa.Error{Kind: aaa.KindBusy, Message: "too many logins wait for their users at this node", RetryAfter: time.Second}
	}
	if own = t.own[account]; own == nil {
		own = list.New()
		t.own[account] = own
	}
	d.expires, d.kept = time.Now().Add(t.life), true
	t.by[d.handle], d.inOrder, d.inOwn = d, t.order.PushBack(d), own.PushBack(d)
	if t.timer == nil {
		t.timer = time.AfterFunc(t.life, t.expire)
	}
	t.mu.Unlock()
	if crowded != nil {
		t.end(crowded, "too many logins", fmt.Sprintf("the account has %d newer logins that wait", t.most))
	}
	d.session.Watch(func(err error) { t.lose(d, err) })
	return nil
}

// take removes and returns the dialogue of a handle. It returns nil if there is none or it is of
// another server.
func (t *dialogues) take(state []byte, c *client) *dialogue {
	if len(state) != handleLen {
		return nil
	}
	t.mu.Lock()
	d := t.by[handle(state)]
	if d == nil || d.client != c {
		t.mu.Unlock()
		return nil
	}
	t.remove(d)
	t.mu.Unlock()
	return d
}

// remove deletes a dialogue; mu is held.
func (t *dialogues) remove(d *dialogue) *dialogue {
	t.order.Remove(d.inOrder)
	own := t.own[d.account]
	if own.Remove(d.inOwn); own.Len() == 0 {
		delete(t.own, d.account)
	}
	delete(t.by, d.handle)
	if t.order.Len() == 0 && t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
	return d
}

// lose notes that a dialogue's session has ended. The dialogue stays until it expires, so that the next
// answer gets the reason. It is called with the Manager's mu held.
func (t *dialogues) lose(d *dialogue, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.by[d.handle] != d { // it was taken
		return
	}
	d.lost = "the session with the server ended while it waited for the answer"
	if errors.Is(err, conns.FaultClosed) {
		d.lost = "the server closed the connection while it waited for the answer"
	}
	t.notify(d, d.lost)
}

// end ends a dialogue that was removed, with a reason for the server and one for the caller.
func (t *dialogues) end(d *dialogue, abort, why string) {
	d.session.Abort(abort)
	if d.lost == "" {
		t.notify(d, why)
	}
}

func (t *dialogues) notify(d *dialogue, why string) {
	if t.tell != nil {
		t.tell(engines.Lost{Account: d.client.account, Server: d.client.name, State: bytes.Clone(d.handle[:]), Why: why})
	}
}

// expire ends the dialogues that are too old, and sets the timer for the next.
func (t *dialogues) expire() {
	now := time.Now()
	var old []*dialogue
	oldest := func() *dialogue {
		if e := t.order.Front(); e != nil {
			return e.Value.(*dialogue)
		}
		return nil
	}
	t.mu.Lock()
	d := oldest()
	for ; d != nil && !now.Before(d.expires); d = oldest() {
		old = append(old, t.remove(d))
	}
	if d != nil && t.timer != nil {
		t.timer.Reset(d.expires.Sub(now))
	}
	t.mu.Unlock()
	for _, d := range old {
		t.end(d, "timeout", fmt.Sprintf("the user did not answer within %v", t.life))
	}
}

// errLost is the error of a State whose dialogue is lost.
func errLost(why string) error {
	return aaa.Invalid(aaa.Field{Path: "State", Rule: "state", Message: "the login is lost: " + why + "; begin anew without it"})
}

// errAnew is the error of a State that leads to no login.
func errAnew() error {
	return aaa.Invalid(aaa.Field{
		Path: "State", Rule: "state",
		Message: "the login that it belongs to is over, was given up, or was begun at another node: begin anew without it",
	})
}
