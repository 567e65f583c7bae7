package idempotency

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
)

// What a process leaves behind when it goes has failed: a repetition that waits for it runs. What the process says later counts nothing.
func TestRunsOfAProcessThatIsGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1)
		r := request("k", "")
		gone := NewRuns()
		run, ticket, _, err := gone.Begin(t.Context(), c.nodes[0], r, nil)
		if err != nil || run == "" {
			t.Fatal(run, err)
		}
		answered := make(chan string)
		go func() {
			answer, _, err := c.do(t.Context(), 0, r, nil)
			if err != nil {
				t.Error(err)
			}
			answered <- answer
		}()
		synctest.Wait()
		gone.Close(t.Context())
		if got := <-answered; got != "answer of k" {
			t.Errorf("%q", got)
		}
		if gone.End(t.Context(), ticket, []byte("mine")) {
			t.Error("a run was ended twice")
		}
		c.want(0, r, "answer of k", true)
		if _, _, _, err := gone.Begin(t.Context(), c.nodes[0], request("l", ""), nil); !errors.Is(err, errGone) {
			t.Errorf("a process that is gone begins a run: %v", err)
		}
		c.want(0, request("l", ""), "answer of l", false)
	})
}

// A process ends its own runs alone, and each of them once.
func TestTicketsOfOtherProcesses(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	one, other := NewRuns(), NewRuns()
	r := request("k", "")
	_, ticket, _, err := one.Begin(t.Context(), c.nodes[0], r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if other.End(t.Context(), ticket, []byte("forged")) || one.End(t.Context(), Ticket{}, []byte("forged")) {
		t.Error("a run was ended by who does not hold it")
	}
	if !one.End(t.Context(), ticket, []byte("true")) || one.End(t.Context(), ticket, []byte("forged")) {
		t.Error("the holder ends its run once")
	}
	c.want(0, r, "true", true)
}

// A run that is not ended in time has failed before its claim ends.
func TestARunThatIsNotEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1)
		r := request("k", "")
		_, ticket, _, err := c.nodes[0].Own().Begin(t.Context(), c.nodes[0], r, nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(claimTime - time.Second)
		if c.nodes[0].Own().End(t.Context(), ticket, []byte("late")) {
			t.Error("the run was not over")
		}
		c.want(0, r, "answer of k", false)
	})
}

// An account's runs at a time are bounded, and those of all accounts.
func TestRunsAreBounded(t *testing.T) {
	t.Parallel()
	s := NewRuns()
	for range maxOfAccount {
		if err := s.enter("a"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.enter("a"); aaa.KindOf(err) != aaa.KindBusy {
		t.Errorf("one too many: %v", err)
	}
	for _, account := range []aaa.AccountID{"b", "c", "d"} {
		for range maxOfAccount {
			if err := s.enter(account); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.enter("e"); aaa.KindOf(err) != aaa.KindBusy {
		t.Errorf("one too many of all: %v", err)
	}
	for range maxOfAccount {
		s.leave("a")
	}
	if err := s.enter("e"); err != nil || len(s.accounts) != 4 {
		t.Errorf("%v, %d accounts", err, len(s.accounts))
	}
}
