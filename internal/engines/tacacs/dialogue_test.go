package tacacs

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/tacacs"
)

// questions are the answers of a server that asks these in turn, and lets in who answers them so.
func questions(list ...any) func(tacacs.Body) tacacs.Body {
	var mu sync.Mutex
	at := 0
	return func(b tacacs.Body) tacacs.Body {
		mu.Lock()
		defer mu.Unlock()
		switch b := b.(type) {
		case *tacacs.AuthenStart:
			at = 0
		case *tacacs.AuthenContinue:
			if string(b.UserMsg) != list[at+1].(string) {
				return &tacacs.AuthenReply{Status: tacacs.AuthenFail, ServerMsg: "wrong"}
			}
			at += 2
		}
		if at == len(list) {
			return &tacacs.AuthenReply{Status: tacacs.AuthenPass, ServerMsg: "welcome"}
		}
		r := *list[at].(*tacacs.AuthenReply)
		return &r
	}
}

var (
	getUser = &tacacs.AuthenReply{Status: tacacs.AuthenGetUser}
	getPass = &tacacs.AuthenReply{Status: tacacs.AuthenGetPass, Flags: tacacs.ReplyNoEcho}
	getData = &tacacs.AuthenReply{Status: tacacs.AuthenGetData, ServerMsg: "Code?"}
	hidden  = &tacacs.AuthenReply{Status: tacacs.AuthenGetData, ServerMsg: "Old?", Flags: tacacs.ReplyNoEcho}
)

// TestDialogues: what is asked for is answered with what requests bring, and else by the user.
func TestDialogues(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		server []any
		steps  []string // what a request brings, and then the prompt with ! where it is echoed, or the outcome
	}{
		"all at once": {[]any{getUser, "bob", getPass, "secret"}, []string{"authen_type=ascii user=bob password=secret", "accept"}},
		"step by step": {
			[]any{getUser, "bob", getPass, "secret", getData, "123"},
			[]string{"port=tty1", "Username: !", "user=bob", "Password: ", "password=secret", "Code?!", "user_msg=123", "accept"},
		},
		"sessions answer by the password's key": {
			[]any{getUser, "bob", getPass, "secret", getData, "123"},
			[]string{"port=tty1", "Username: !", "password=bob", "Password: ", "password=secret", "Code?!", "password=123", "accept"},
		},
		"a name asked for again": {
			[]any{getUser, "bob", getUser, "alice", getPass, "secret"},
			[]string{"user=bob", "Username: !", "user=bob password=alice", "Password: ", "user=bob password=secret", "accept"},
		},
		"two answers in one": {
			[]any{getUser, "bob", getPass, "secret"},
			[]string{"port=tty1", "Username: !", "user=bob password=secret", "accept"},
		},
		"a password is used once": {
			[]any{getPass, "secret", getPass, "again"},
			[]string{"user=bob authen_type=ascii password=secret", "Password: ", "password=again", "accept"},
		},
		"no UTF-8":         {[]any{&tacacs.AuthenReply{Status: tacacs.AuthenGetData, ServerMsg: "\xffCode?", Flags: tacacs.ReplyNoEcho}, "1"}, []string{"user=bob", "ÿCode?", "user_msg=1", "accept"}},
		"an empty answer":  {[]any{getData, ""}, []string{"user=bob", "Code?!", "user_msg=", "accept"}},
		"wrong":            {[]any{getPass, "secret"}, []string{"user=bob", "Password: ", "password=no", "reject"}},
		"change at once":   {[]any{hidden, "old", getPass, "new", getPass, "new"}, []string{"user=bob password=old new_password=new", "accept"}},
		"change in steps":  {[]any{hidden, "old", getPass, "new"}, []string{"user=bob action=chpass", "Old?", "password=old", "Password: ", "new_password=new", "accept"}},
		"change, sessions": {[]any{hidden, "old", getPass, "new"}, []string{"user=bob action=chpass", "Old?", "password=old", "Password: ", "password=new", "accept"}},
		"enable":           {[]any{getPass, "secret"}, []string{"user=bob authen_service=enable priv_lvl=15 password=secret", "accept"}},
		"RADIUS's names":   {[]any{getPass, "secret"}, []string{"User-Name=bob", "Password: ", "User-Password=secret", "accept"}},
		"no change":        {[]any{getPass, "old"}, []string{"user=bob", "Password: ", "password=old new_password=new", "new_password", "password=old", "accept"}},
		"nothing suitable": {[]any{getPass, "secret"}, []string{"user=bob", "Password: ", "user=bob", "password", "password=secret", "accept"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := script(t, questions(c.server...))
			cl := open(t, p.peer, EngineOptions{})
			var state string
			for i := 0; i < len(c.steps); i += 2 {
				pairs := strings.Fields(c.steps[i])
				if state != "" {
					pairs = append(pairs, "State="+state)
				}
				req := request(t, aaa.Authn, pairs...)
				if state != "" {
					req.AVPs[len(req.AVPs)-1].Value = []byte(state)
				}
				r, err := cl.Exchange(t.Context(), req)
				if err != nil {
					wantInput(t, err, c.steps[i+1])
					continue
				}
				got := string(r.Outcome)
				if r.Outcome == aaa.Challenge {
					if got = r.Prompt; r.Echo {
						got += "!"
					}
					if string(r.State) == state || len(r.State) != handleLen {
						t.Errorf("State %x after %x", r.State, state)
					}
					state = string(r.State)
				}
				if got != c.steps[i+1] {
					t.Errorf("step %d, %s: %q, want %q", i/2, c.steps[i], got, c.steps[i+1])
				}
			}
			if n, own := cl.engine.dialogues.len(), len(cl.engine.dialogues.own); n != 0 || own != 0 {
				t.Errorf("%d dialogues of %d accounts left", n, own)
			}
		})
	}
}

func begin(t testing.TB, c *client) []byte {
	t.Helper()
	r := ask(t, c, aaa.Authn, "user=bob")
	if r.Outcome != aaa.Challenge {
		t.Fatalf("%+v", r)
	}
	return r.State
}

func resume(t testing.TB, c *client, state []byte, pairs ...string) (*engines.Reply, error) {
	t.Helper()
	req := request(t, aaa.Authn, append(pairs, "State=x")...)
	req.AVPs[len(req.AVPs)-1].Value = state
	return c.Exchange(t.Context(), req)
}

// TestStateIsGood for one answer, at one server, for a while.
func TestStateIsGood(t *testing.T) {
	t.Parallel()
	p := script(t, questions(getPass, "secret"))
	engine := New(EngineOptions{DialogueLife: time.Hour, MaxDialogues: 2})
	openAt := func() *client {
		c, err := engine.Open(engines.Config{Account: "a", Server: entry(p.peer)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Retire)
		return c.(*client)
	}
	one, other := openAt(), openAt()
	first := begin(t, one)
	for name, state := range map[string][]byte{"another server's": first, "none": make([]byte, 16), "short": []byte("x"), "empty": {}} {
		_, err := resume(t, other, state, "password=secret")
		wantInput(t, err, "State")
		if err != nil && !strings.Contains(err.Error(), "begin anew") {
			t.Errorf("%s: %v", name, err)
		}
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	accepted := 0
	for range 8 { // whoever comes first
		wg.Go(func() {
			if r, err := resume(t, one, first, "password=secret"); err == nil && r.Outcome == aaa.Accept {
				mu.Lock()
				accepted++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if accepted != 1 {
		t.Errorf("one State let in %d times", accepted)
	}
	// The oldest makes room, and its server is told.
	crowded, kept := begin(t, one), begin(t, other)
	begin(t, one)
	eventually(t, "the server's notice", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return slices.ContainsFunc(p.got, func(b tacacs.Body) bool {
			c, ok := b.(*tacacs.AuthenContinue)
			return ok && c.Flags == tacacs.ContinueAbort
		})
	})
	if _, err := resume(t, one, crowded, "password=secret"); aaa.KindOf(err) != aaa.KindBadInput {
		t.Errorf("crowded out: %v", err)
	}
	// A connection that went takes its dialogues with it.
	p.Cut()
	eventually(t, "the loss", func() bool { return other.manager.Stats().Connections == 0 })
	_, err := resume(t, other, kept, "password=secret")
	wantInput(t, err, "State")
	if !other.Health().Usable() || engine.dialogues.len() != 1 {
		t.Errorf("%v, %d dialogues", other.Health().State(), engine.dialogues.len())
	}
}

// TestDialoguesExpire: one timer ends those whose user has gone, and tells the server.
func TestDialoguesExpire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		p := scriptOn(t, network, questions(getPass, "secret"))
		c := open(t, p.peer, EngineOptions{DialogueLife: 30 * time.Millisecond, Dial: network.Dial})
		state := begin(t, c)
		begin(t, c)
		time.Sleep(20 * time.Millisecond)
		begin(t, c)
		for _, want := range []struct {
			after       time.Duration
			waiting, at int // logins, and packets that the server has got
		}{
			{10*time.Millisecond - time.Nanosecond, 3, 3},
			{time.Nanosecond, 1, 5},
			{20*time.Millisecond - time.Nanosecond, 1, 5},
			{time.Nanosecond, 0, 6},
		} {
			time.Sleep(want.after)
			synctest.Wait()
			if n := c.engine.dialogues.len(); n != want.waiting || p.count() != want.at {
				t.Errorf("%v on: %d logins wait and %d packets were sent, want %d and %d", want.after, n, p.count(), want.waiting, want.at)
			}
		}
		_, err := resume(t, c, state, "password=secret")
		wantInput(t, err, "State")
		c.engine.dialogues.mu.Lock()
		defer c.engine.dialogues.mu.Unlock()
		if c.engine.dialogues.timer != nil {
			t.Error("the timer runs on")
		}
	})
}

// TestErrorInDialogue is a server that can't go on.
func TestErrorInDialogue(t *testing.T) {
	t.Parallel()
	p := script(t, func(b tacacs.Body) tacacs.Body {
		if _, ok := b.(*tacacs.AuthenStart); ok {
			return getPass
		}
		return &tacacs.AuthenReply{Status: tacacs.AuthenError}
	})
	c := open(t, p.peer, EngineOptions{})
	_, err := resume(t, c, begin(t, c), "password=secret")
	fails(t, "ERROR", err, engines.ServerError, errStatus)
	for _, status := range []tacacs.AuthenStatus{tacacs.AuthenRestart, tacacs.AuthenFollow} { // both are a FAIL
		p := script(t, func(tacacs.Body) tacacs.Body { return &tacacs.AuthenReply{Status: status} })
		if r := ask(t, open(t, p.peer, EngineOptions{}), aaa.Authn, "user=bob", "password=x"); r.Outcome != aaa.Reject {
			t.Errorf("%v: %v", status, r.Outcome)
		}
	}
}

// len is how many dialogues wait.
func (t *dialogues) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.order.Len()
}
