package tacacs

import (
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
)

// TestLostDialogues: a dialogue whose connection the server closes is told of at once, and its State says why. An
// account that asks and is at its bound loses its own oldest, even at a server that it shares with others.
func TestLostDialogues(t *testing.T) {
	t.Parallel()
	p := script(t, questions(getPass, "secret"))
	told := make(chan engines.Lost, 10)
	c := open(t, p.peer, EngineOptions{DialogueLife: time.Hour, MaxDialogues: 2, Lost: func(l engines.Lost) { told <- l }})
	of := func(account aaa.AccountID) []byte {
		req := request(t, aaa.Authn, "user=bob")
		req.Account = account
		r, err := c.Exchange(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		return r.State
	}
	theirs := of("theirs")
	crowded, kept := of("mine"), of("mine")
	of("mine")
	if l := <-told; l.Account != "a" || l.Server != "t" || string(l.State) != string(crowded) || !strings.Contains(l.Why, "2 newer logins") {
		t.Errorf("%+v", l)
	}
	if r, err := resume(t, c, theirs, "password=secret"); err != nil || r.Outcome != aaa.Accept {
		t.Errorf("another account's login: %+v, %v", r, err)
	}
	p.Cut()
	eventually(t, "the connections' end", func() bool { return c.manager.Stats().Connections == 0 })
	for range 2 {
		if l := <-told; l.Account != "a" || !strings.Contains(l.Why, "the server closed the connection") {
			t.Errorf("%+v", l)
		}
	}
	_, err := resume(t, c, kept, "password=secret")
	wantInput(t, err, "State")
	if err == nil || !strings.Contains(err.Error(), "the server closed the connection") {
		t.Errorf("%v does not say what happened", err)
	}
	for range 3 {
		of("mine") // the third one crowds out the other one that is lost, and one that is not
	}
	if l := <-told; !strings.Contains(l.Why, "newer logins") || len(told) > 0 {
		t.Errorf("told twice of one that is lost: %+v", l)
	}
	p.Cut()
}

// TestFullNode: where the node holds all the dialogues that it may, an account without any gets an error and nobody loses one.
func TestFullNode(t *testing.T) {
	t.Parallel()
	p := script(t, questions(getPass, "secret"))
	c := open(t, p.peer, EngineOptions{})
	state := begin(t, c)
	c.engine.dialogues.all = 1
	if _, err := c.Exchange(t.Context(), request(t, aaa.Authn, "user=bob")); aaa.KindOf(err) != aaa.KindBusy {
		t.Errorf("%v", err)
	}
	if r, err := resume(t, c, state, "password=secret"); err != nil || r.Outcome != aaa.Accept {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestFullNodeGoesOn: others fill the node while a login that waited there is at its server. It keeps its place for the next
// challenge: its answer is sent and can't be repeated.
func TestFullNodeGoesOn(t *testing.T) {
	t.Parallel()
	p := script(t, questions(getPass, "secret", getData, "123"))
	c := open(t, p.peer, EngineOptions{})
	state := begin(t, c)
	c.engine.dialogues.all = 0 // no place is left besides its own
	_, err := resume(t, c, state)
	wantInput(t, err, "password")
	r, err := resume(t, c, state, "password=secret")
	if err != nil || r.Outcome != aaa.Challenge {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err = resume(t, c, r.State, "user_msg=123"); err != nil || r.Outcome != aaa.Accept {
		t.Errorf("%+v, %v", r, err)
	}
}
