package tail

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// add adds requests of an account at a time.
func add(t *Tail, account string, at time.Time, ids ...string) {
	for _, id := range ids {
		t.Add(&Entry{At: at, Account: aaa.AccountID(account), ID: id, Outcome: "accept"})
	}
}

// ids are those of requests.
func ids(list []Entry) string {
	var s []string
	for _, e := range list {
		s = append(s, e.ID)
	}
	return strings.Join(s, " ")
}

func only(account string) *Filter {
	return &Filter{Account: func(id aaa.AccountID) bool { return string(id) == account }}
}

// TestEntry: what is put in comes out again, cut in whole characters where it is too long.
func TestEntry(t *testing.T) {
	t.Parallel()
	tail := New()
	in := Entry{
		At: noon, Took: 1500 * time.Microsecond, Op: aaa.Authz, Account: "de300000000000000000000000000002", ID: "r1", User: "Zoë", Outcome: "reject",
		Server: "a", Reason: "it said no",
	}
	long := Entry{
		At: noon, Account: aaa.AccountID(strings.Repeat("a", 40)), ID: strings.Repeat("i", 128), User: strings.Repeat("ë", 200), Outcome: strings.Repeat("o", 40),
		Server: strings.Repeat("s", 300), Reason: strings.Repeat("r", 1000),
	}
	for _, e := range []Entry{in, long} {
		tail.Add(&e)
	}
	list := tail.Last(&Filter{}, 10)
	if len(list) != 2 {
		t.Fatalf("%d entries", len(list))
	}
	list[0].At = list[0].At.UTC()
	in.Seq = 1
	if diff := cmp.Diff(in, list[0]); diff != "" {
		t.Errorf("an entry (-in +out):\n%s", diff)
	}
	got := list[1]
	for what, n := range map[string][2]int{
		"account": {len(got.Account), maxAccount}, "id": {len(got.ID), maxID}, "user": {len(got.User), maxUser}, "outcome": {len(got.Outcome), maxOutcome},
		"server": {len(got.Server), maxServer}, "reason": {len(got.Reason), allText - maxAccount - maxID - maxUser - maxOutcome - maxServer},
	} {
		if n[0] != n[1] {
			t.Errorf("%d octets of a long %s, want %d", n[0], what, n[1])
		}
	}
	if got := cut("aë", 2); got != "a" {
		t.Errorf("half a character: %q", got)
	}
}

// TestFilter: by account, user and outcome, the newest of them.
func TestFilter(t *testing.T) {
	t.Parallel()
	tail := New()
	for i, e := range []Entry{
		{Account: "a", User: "alice", Outcome: "accept"},
		{Account: "b", User: "alice", Outcome: "reject"},
		{Account: "a", User: "bob", Outcome: "reject"},
		{Account: "a", User: "alice", Outcome: "reject"},
	} {
		e.ID = fmt.Sprint(i)
		tail.Add(&e)
	}
	both := *only("a")
	both.Outcome = "reject"
	for _, tc := range []struct {
		filter *Filter
		limit  int
		want   string
	}{
		{&Filter{}, 9, "0 1 2 3"},
		{&Filter{}, 2, "2 3"},
		{only("a"), 9, "0 2 3"},
		{&Filter{User: "alice"}, 9, "0 1 3"},
		{&Filter{Outcome: "reject"}, 1, "3"},
		{&both, 9, "2 3"},
		{only("c"), 9, ""},
	} {
		if got := ids(tail.Last(tc.filter, tc.limit)); got != tc.want {
			t.Errorf("%+v: %q, want %q", tc.filter, got, tc.want)
		}
	}
}

// TestFair: an account that has requests without end takes none of another's, however full the rings are.
func TestFair(t *testing.T) {
	t.Parallel()
	tail := New()
	tail.most = 64
	add(tail, "quiet", noon, "q1", "q2", "q3")
	for i := range 10000 {
		add(tail, "busy", noon.Add(time.Duration(i)*time.Millisecond/10), fmt.Sprint(i))
	}
	add(tail, "late", noon.Add(time.Second), "l1")
	if got := ids(tail.Last(only("quiet"), 9)); got != "q1 q2 q3" {
		t.Errorf("the quiet account has %q", got)
	}
	if got := ids(tail.Last(only("late"), 9)); got != "l1" {
		t.Errorf("an account that came late has %q", got)
	}
	if got := ids(tail.Last(only("busy"), 3)); got != "9997 9998 9999" {
		t.Errorf("the busy account has %q", got)
	}
	if n := len(tail.Last(only("busy"), 99)); n < 16 {
		t.Errorf("the busy account has only %d, and there was room", n)
	}
	for i := range 20 { // all others' rings shrink, and then there is no room
		add(tail, fmt.Sprint("new", i), noon.Add(2*time.Second), "n")
	}
	if tail.slots > tail.most || len(tail.order) != tail.most/firstRing {
		t.Errorf("%d slots of %d, for %d accounts", tail.slots, tail.most, len(tail.order))
	}
	if got := ids(tail.Last(only("quiet"), 9)); got != "q1 q2 q3" {
		t.Errorf("the quiet account has %q after others came", got)
	}
	add(tail, "later", noon.Add(time.Minute), "x") // all others are idle by then
	if got := ids(tail.Last(only("later"), 9)); got != "x" {
		t.Errorf("an account has %q where the others are idle", got)
	}
}

// TestGrows: one account has up to its most where nobody else needs the room.
func TestGrows(t *testing.T) {
	t.Parallel()
	tail := New()
	for i := range 3 * lastRing {
		add(tail, "a", noon, fmt.Sprint(i))
	}
	list := tail.Last(&Filter{}, 1<<20)
	if len(list) != lastRing || list[0].ID != fmt.Sprint(2*lastRing) {
		t.Errorf("%d entries from %s on", len(list), list[0].ID)
	}
}

// TestManyGoroutines: all that was said of one account holds while others add, read and follow.
func TestManyGoroutines(t *testing.T) {
	t.Parallel()
	tail := New()
	tail.most = 128
	var writers, readers sync.WaitGroup
	over := make(chan struct{})
	readers.Go(func() {
		after := tail.Begin()
		for {
			select {
			case <-over:
				return
			default:
			}
			var list []Entry
			list, after, _ = tail.live.Load().read(after, tail.seq.Load(), &Filter{}, 100)
			list = append(list, tail.Last(&Filter{}, 100)...)
			for _, e := range list {
				if e.ID != string(e.Account)+e.User {
					t.Errorf("a mixed entry: %+v", e)
					return
				}
			}
		}
	})
	for w := range 4 {
		writers.Go(func() {
			for i := range 2000 {
				account, user := fmt.Sprint("a", (w+i)%40), fmt.Sprint("u", i)
				tail.Add(&Entry{At: noon.Add(time.Duration(i) * time.Second), Account: aaa.AccountID(account), User: user, ID: account + user})
			}
		})
	}
	writers.Wait()
	close(over)
	readers.Wait()
	if n := len(tail.order) - tail.accounts.Size(); n != 0 {
		t.Errorf("%d more accounts in the order than in the map", n)
	}
	sum := 0
	for _, a := range tail.order {
		sum += len(a.ring.Load().slots)
	}
	if sum != tail.slots || sum > tail.most {
		t.Errorf("%d slots are counted as %d, of %d", sum, tail.slots, tail.most)
	}
}

// TestRoomOfItsOwn: an account whose ring is to grow gives way itself, since a request that ended earlier came after a later one. The slots
// are counted as they are.
func TestRoomOfItsOwn(t *testing.T) {
	t.Parallel()
	tail := New()
	tail.most = firstRing*growth - 1
	for i := range firstRing {
		tail.Add(&Entry{At: noon, Account: "a", User: fmt.Sprint(i)})
	}
	a, _ := tail.accounts.Load("a")
	tail.grow(a, a.ring.Load(), noon.Add(time.Hour).UnixNano())
	sum := 0
	for _, kept := range tail.order {
		sum += len(kept.ring.Load().slots)
	}
	if sum != tail.slots {
		t.Errorf("%d slots are counted as %d", sum, tail.slots)
	}
}

// TestAddAllocations: a request pays with no allocation, whether somebody follows or not.
func TestAddAllocations(t *testing.T) { //nolint:paralleltest // testing.AllocsPerRun
	tail := New()
	e := Entry{At: time.Now(), Account: "a", ID: "id", User: "alice", Outcome: "accept", Server: "s"}
	for range 2 * lastRing {
		tail.Add(&e)
	}
	for _, what := range []string{"nobody follows", "somebody follows"} {
		if n := testing.AllocsPerRun(1000, func() { tail.Add(&e) }); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
		tail.Begin()
	}
}

func BenchmarkAdd(b *testing.B) {
	tail := New()
	for i := range 2 * lastRing {
		add(tail, "a", noon, fmt.Sprint(i))
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		e := Entry{At: noon, Account: "a", ID: aaa.NewID(), User: "alice", Outcome: "accept", Server: "primary"}
		for pb.Next() {
			tail.Add(&e)
		}
	})
}
