package bans

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
)

// TestPointsBecomeABan: the login that reaches max_score begins a ban, which ends after ban_time whatever is asked meanwhile. Afterwards
// a subject begins without points.
func TestPointsBecomeABan(t *testing.T) {
	t.Parallel()
	c := newClock()
	n, p := newNode(t, "n", nil, c), policy("User-Name")
	n.rejected(7, p, user("eve"))
	if n.banned(p, user("eve")) != 0 {
		t.Error("70 points ban")
	}
	n.rejected(1, p, user("eve"))
	if left := n.banned(p, user("eve")); left != 300*time.Second {
		t.Errorf("80 points ban for %v", left)
	}
	if n.banned(p, user("adam")) != 0 {
		t.Error("another user is banned")
	}
	c.pass(299 * time.Second)
	n.rejected(20, p, user("eve")) // of logins that were under way when the ban began
	if left := n.banned(p, user("eve")); left != time.Second {
		t.Errorf("after 299 s the ban lasts for %v", left)
	}
	c.pass(time.Second)
	if n.banned(p, user("eve")) != 0 {
		t.Error("the ban does not end")
	}
	n.rejected(7, p, user("eve"))
	if n.banned(p, user("eve")) != 0 {
		t.Error("points from before the ban are not spent")
	}
	n.rejected(1, p, user("eve"))
	if n.banned(p, user("eve")) == 0 {
		t.Error("there is no second ban")
	}
	log := n.logged.String()
	if strings.Count(log, `msg="a ban begins"`) != 2 || strings.Count(log, `msg="a ban ends"`) != 1 || strings.Contains(log, "value") {
		t.Errorf("the log is\n%s", log)
	}
}

// TestPointsAreForgotten: reset_time counts from the last points.
func TestPointsAreForgotten(t *testing.T) {
	t.Parallel()
	c := newClock()
	n, p := newNode(t, "n", nil, c), policy("User-Name")
	for range 7 {
		n.rejected(1, p, user("eve"))
		c.pass(299 * time.Second)
	}
	c.pass(time.Second)
	n.rejected(7, p, user("eve"))
	if n.banned(p, user("eve")) != 0 {
		t.Error("points that are 300 s old count")
	}
	c.pass(299 * time.Second)
	n.rejected(1, p, user("eve"))
	if n.banned(p, user("eve")) == 0 {
		t.Error("points that are 299 s old do not count")
	}
}

// TestPolicies: each document in force counts for itself, by its own numbers; without points nobody is banned.
func TestPolicies(t *testing.T) {
	t.Parallel()
	c := newClock()
	n := newNode(t, "n", nil, c)
	two, none := 2, 0
	parent := NewPolicy("b", aaa.Bans{By: []string{"User-Name"}, MaxScore: 3, Points: aaa.BanPoints{Reject: &two}, BanTime: 60, ResetTime: 1})
	free := NewPolicy("c", aaa.Bans{By: []string{"User-Name"}, Points: aaa.BanPoints{Reject: &none}})
	both := []*Policy{policy("User-Name"), parent, free}
	n.Rejected(tenant, both, user("eve"))
	if n.banned(parent, user("eve")) != 0 {
		t.Error("2 of 3 points ban")
	}
	n.Rejected(tenant, both, user("eve"))
	if n.banned(parent, user("eve")) != 60*time.Second || n.banned(both[0], user("eve")) != 0 || n.banned(free, user("eve")) != 0 {
		t.Error("the parent's document alone should ban for 60 s")
	}
	if err := n.Refuse(tenant, both, user("eve")); aaa.KindOf(err) != aaa.KindBanned {
		t.Errorf("all documents: %v", err)
	}
	if err := n.Refuse("other", both, user("eve")); err != nil {
		t.Errorf("another account: %v", err)
	}
	for range 100 {
		n.rejected(1, free, user("eve"))
	}
	if n.banned(free, user("eve")) != 0 {
		t.Error("no points ban")
	}
	if p := both[0].Without([]string{"User-Name"}); p != nil {
		t.Errorf("without its key: %+v", p)
	}
	var without *Board
	if without.Rejected(tenant, both, user("eve")); without.Refuse(tenant, both, user("eve")) != nil {
		t.Error("no Board bans")
	}
}

// TestSubjects: what is one subject, and what is another one.
func TestSubjects(t *testing.T) {
	t.Parallel()
	same := func(a, b any) bool {
		c := newClock()
		n, p := newNode(t, "n", nil, c), policy("User-Name")
		n.rejected(8, p, user(a))
		return n.banned(p, user(b)) != 0
	}
	for _, pair := range [][2]any{
		{"Eve", " eVE "},
		{"JÖRG", "jörg"},
		{"2001:db8::1", "2001:0DB8:0:0:ffff:ffff:ffff:ffff"},
		{"2001:db8::1", "[2001:db8::2]:1812"},
		{"192.0.2.1", "::ffff:192.0.2.1"},
		{"192.0.2.1", "192.0.2.1:5060"},
		{"fe80::1%eth0", "fe80::2"},
		{"::ffff:192.0.2.1", "::FFFF:C000:0201"},
		{json.Number("5"), "5"},
		{[]any{"adam", "eve"}, "eve"},
		{"adam", []any{"eve", "adam"}},
		{true, "true"},
		{"[2001:db8::1]", "2001:db8::"},
	} {
		if !same(pair[0], pair[1]) {
			t.Errorf("%v and %v are two subjects", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]any{
		{"eve", "eve2"},
		{"2001:db8:0:1::1", "2001:db8:0:2::1"},
		{"192.0.2.1", "192.0.2.2"},
		{"a0-b1", "a0b1"},
		{"192.0.2.1", "c0000201"},
		{"", "eve"},
		{"::1", "1"},
		{"", ""},
	} {
		if same(pair[0], pair[1]) {
			t.Errorf("%v and %v are one subject", pair[0], pair[1])
		}
	}
	n, p := newNode(t, "n", nil, newClock()), policy("User-Name")
	var many []any
	for range maxValues + 1 {
		many = append(many, "x")
	}
	if err := n.Refuse(tenant, []*Policy{p}, user(many)); aaa.KindOf(err) != aaa.KindBadInput {
		t.Errorf("too many values: %v", err)
	}
	if err := n.Refuse(tenant, []*Policy{p}, user(many[1:])); err != nil {
		t.Errorf("%d values: %v", maxValues, err)
	}
}

// TestKeysAreApart: one value is not scored under another key, nor in another account.
func TestKeysAreApart(t *testing.T) {
	t.Parallel()
	n, p := newNode(t, "n", nil, newClock()), policy("User-Name", "Calling-Station-Id")
	n.rejected(8, p, aaa.Values{"Calling-Station-Id": "x"})
	if n.banned(p, user("x")) != 0 || n.banned(p, aaa.Values{"Calling-Station-Id": "X", "User-Name": "y"}) == 0 {
		t.Error("the keys are not told apart")
	}
	n.account = "b0000000000000000000000000000001"
	if n.banned(p, aaa.Values{"Calling-Station-Id": "x"}) != 0 {
		t.Error("another account's ban holds")
	}
}

// TestLookUp: a request pays nothing for documents that ban nobody, and little for others.
func TestLookUp(t *testing.T) {
	n, p := newNode(t, "n", nil, newClock()), policy("Calling-Station-Id", "User-Name")
	policies := []*Policy{p}
	values := aaa.Values{"User-Name": "adam", "Calling-Station-Id": "2001:db8::1"}
	look := func() {
		if err := n.Refuse(tenant, policies, values); err != nil {
			t.Error(err)
		}
	}
	if got := testing.AllocsPerRun(100, look); got != 0 {
		t.Errorf("%v allocations while nobody is banned", got)
	}
	n.rejected(8, p, user("eve"))
	if got := testing.AllocsPerRun(100, look); got > 0 {
		t.Errorf("%v allocations while somebody is banned", got)
	}
}
