package router

import (
	"testing"

	"aaa-api/internal/aaa"
)

// TestRepeatsAreOfTheAccount: a repetition reaches the request that runs under its id, and none of another account or that
// has ended.
func TestRepeatsAreOfTheAccount(t *testing.T) {
	t.Parallel()
	var r Router
	mine, theirs := repeatKey{"mine", "id"}, repeatKey{"theirs", "id"}
	again := r.repeats.begin(mine)
	heard := func() bool {
		select {
		case <-again:
			return true
		default:
			return false
		}
	}
	for _, c := range []struct {
		account aaa.AccountID
		id      string
		want    bool
	}{{"theirs", "id", false}, {"mine", "other", false}, {"mine", "id", true}} {
		r.Repeat(c.account, c.id)
		r.Repeat(c.account, c.id) // before it was heard: no other event
		if got := heard(); got != c.want || heard() {
			t.Errorf("%s/%s: heard %t", c.account, c.id, got)
		}
	}
	if second := r.repeats.begin(mine); second != nil || !heard() {
		t.Error("a second request under the id is no repetition")
	}
	other := r.repeats.begin(theirs)
	r.repeats.end(theirs)
	r.repeats.end(mine)
	r.Repeat("mine", "id")
	if heard() || other == nil || len(r.repeats.of) != 0 {
		t.Errorf("told after the end, or kept: %v", r.repeats.of)
	}
}
