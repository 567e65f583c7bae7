package tacacs

import (
	"container/list"
	"sync"
	"time"
)

// key names a session: its number is unique in its connection alone.
type key struct {
	from    string // the process that the connection is in
	conn    uint64
	session uint32
}

// place is a connection.
type place struct {
	from string
	conn uint64
}

// Bounds are how many logins may wait for their users.
type Bounds struct {
	Connection int // default 64
	Client     int // default 1,000
	Account    int // whose the clients are; default 5,000
	All        int // default 50,000
}

// sessions are the logins that wait for their users. All live equally long; one timer ends those whose user has gone.
type sessions struct {
	life   time.Duration
	bounds Bounds

	mu      sync.Mutex
	by      map[key]*dialogue
	conns   map[place]map[uint32]*dialogue
	waiting map[owner]int // of a client, and of an account
	order   *list.List    // oldest first
	timer   *time.Timer
}

// owner is a client's document, whatever its revision; without a name, all of its account.
type owner struct{ account, name string }

func (o owner) all() owner { return owner{account: o.account} }

func newSessions(life time.Duration, b Bounds) *sessions {
	for _, d := range []struct {
		n         *int
		otherwise int
	}{{&b.Connection, 64}, {&b.Client, 1000}, {&b.Account, 5000}, {&b.All, 50_000}} {
		if *d.n <= 0 {
			*d.n = d.otherwise
		}
	}
	return &sessions{
		life: life, bounds: b, by: map[key]*dialogue{}, conns: map[place]map[uint32]*dialogue{}, waiting: map[owner]int{}, order: list.New(),
	}
}

// put keeps a dialogue until its next packet. why says why it can't be kept; empty: it is.
func (t *sessions) put(d *dialogue) (why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := place{d.key.from, d.key.conn}
	switch {
	case t.by[d.key] != nil:
		return "the session id is in use"
	case len(t.conns[at]) >= t.bounds.Connection, t.waiting[d.owner()] >= t.bounds.Client, t.waiting[d.owner().all()] >= t.bounds.Account,
		t.order.Len() >= t.bounds.All:
		return "too many logins wait for their users"
	}
	if t.conns[at] == nil {
		t.conns[at] = map[uint32]*dialogue{}
	}
	t.by[d.key], t.conns[at][d.key.session] = d, d
	t.waiting[d.owner()]++
	t.waiting[d.owner().all()]++
	d.expires, d.inOrder = time.Now().Add(t.life), t.order.PushBack(d)
	if t.timer == nil {
		t.timer = time.AfterFunc(t.life, t.expire)
	}
	return ""
}

// take removes and returns the dialogue of a key; nil: none waits.
func (t *sessions) take(k key) *dialogue {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := t.by[k]
	if d != nil {
		t.remove(d)
	}
	return d
}

// drop forgets what waits on a connection; conn 0: on all of the process.
func (t *sessions) drop(from string, conn uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if conn != 0 {
		for _, d := range t.conns[place{from, conn}] {
			t.remove(d)
		}
		return
	}
	for k, d := range t.by {
		if k.from == from {
			t.remove(d)
		}
	}
}

// remove takes a dialogue out. The caller holds mu.
func (t *sessions) remove(d *dialogue) {
	at := place{d.key.from, d.key.conn}
	delete(t.by, d.key)
	delete(t.conns[at], d.key.session)
	if len(t.conns[at]) == 0 {
		delete(t.conns, at)
	}
	for _, o := range []owner{d.owner(), d.owner().all()} {
		if t.waiting[o]--; t.waiting[o] == 0 {
			delete(t.waiting, o)
		}
	}
	t.order.Remove(d.inOrder)
}

// expire forgets what waited too long, and sets the timer for the next.
func (t *sessions) expire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	for e := t.order.Front(); e != nil; e = t.order.Front() {
		d := e.Value.(*dialogue) //nolint:forcetypeassert // what the list holds
		if now.Before(d.expires) {
			t.timer.Reset(d.expires.Sub(now))
			return
		}
		t.remove(d)
	}
	t.timer = nil
}

// len is how many wait.
func (t *sessions) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.order.Len()
}
