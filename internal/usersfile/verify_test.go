package usersfile

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/go-crypt/crypt/algorithm"
)

// counting is a digest that counts what it is asked.
type counting struct {
	algorithm.Digest
	mu    sync.Mutex
	count int
}

func (c *counting) Match(password string) bool {
	c.mu.Lock()
	c.count++
	c.mu.Unlock()
	return c.Digest.Match(password)
}

// TestSameWork has every refusal of a name compute exactly one hash: an unknown
// name and a locked one like a wrong password; and all through the same few hashes for one name.
func TestSameWork(t *testing.T) {
	t.Parallel()
	f, faults := Parse([]byte("a:" + weak + "\nb:" + weak + "\nc:" + weak + "\nlocked:!\n"))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	var digests []*counting
	for i := range f.entries {
		if d := f.entries[i].digest; d != nil {
			c := &counting{Digest: d}
			f.entries[i].digest = c
			digests = append(digests, c)
		}
	}
	counts := func() (all, most int) {
		for _, d := range digests {
			all += d.count
			most = max(most, d.count)
			d.count = 0
		}
		return all, most
	}
	for _, name := range []string{"a", "locked", "nobody", "", "A", strings.Repeat("x", 10_000)} {
		for range 5 {
			pass := "wrong"
			if name != "a" {
				pass = password // would be right for the hash that stands in
			}
			if entry, verdict, err := f.Verify(name, pass, atOnce); verdict != Refused || err != nil || entry.Name != "" {
				t.Fatalf("%q: %v, %v, %v", name, entry, verdict, err)
			}
		}
		if all, most := counts(); all != 5 || most != 5 {
			t.Errorf("%.10q: %d hashes computed, %d of one entry, want the same one five times", name, all, most)
		}
	}
	// Names spread over the entries.
	for i := range 100 {
		_, _, _ = f.Verify(strings.Repeat("n", i+1), "x", atOnce)
	}
	if _, most := counts(); most > 70 {
		t.Errorf("%d of 100 unknown names are tried against one entry", most)
	}
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	f, _ := Parse([]byte("bob:" + weak + "\n"))
	for name, pass := range map[string]string{
		"NUL":      password + "\x00",
		"long":     strings.Repeat("x", MaxPassword+1),
		"shadowed": password + "\x00" + strings.Repeat("x", 200),
	} {
		if _, verdict, err := f.Verify("bob", pass, atOnce); verdict != Refused || err != nil {
			t.Errorf("%s: %v, %v", name, verdict, err)
		}
	}
	empty, _ := Parse(nil)
	if _, verdict, err := empty.Verify("bob", password, atOnce); verdict != Refused || err != nil {
		t.Errorf("empty file: %v, %v", verdict, err)
	}
}

// atOnce is a turn without waiting.
func atOnce(work func()) error { work(); return nil }

// TestTurns has every verification that computes a hash do so in a turn, be the name known or not.
func TestTurns(t *testing.T) {
	t.Parallel()
	f, _ := Parse([]byte("bob:" + weak + "\n"))
	for _, name := range []string{"bob", "nobody"} {
		turns := 0
		_, verdict, err := f.Verify(name, password, func(work func()) error {
			turns++
			work()
			return nil
		})
		if (verdict == Accepted) != (name == "bob") || err != nil || turns != 1 {
			t.Errorf("%s: %v, %v in %d turns", name, verdict, err, turns)
		}
		f.entries[0].digest = &counting{Digest: f.entries[0].digest}
		if _, verdict, err := f.Verify(name, password, func(func()) error { return context.Canceled }); !errors.Is(err, context.Canceled) || verdict != Refused {
			t.Errorf("%s, no turn: %v, %v", name, verdict, err)
		}
		if n := f.entries[0].digest.(*counting).count; n != 0 {
			t.Errorf("%s: a hash was computed outside of a turn", name)
		}
	}
}
