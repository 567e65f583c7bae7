package translate

import (
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/aaa"
)

func TestEqualRulesAreShared(t *testing.T) {
	t.Parallel()
	text := aaa.Rule{RequestKey: "k", Attribute: "A", RequestValue: `^shared-([a-z]+)$`, AttrValue: `^shared-([a-z]+)$`}
	one, err := Compile("s", []aaa.Rule{text})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			two, err := Compile("t", []aaa.Rule{text, text})
			if err != nil || two.rules[0] != one.rules[0] || two.rules[1] != one.rules[0] {
				t.Errorf("equal rules are compiled twice (%v)", err)
			}
		})
	}
	wg.Wait()
	if one.rules[0].out != one.rules[0].back {
		t.Error("equal regexps are compiled twice")
	}
	runtime.KeepAlive(one)
}

// TestInternerForgets shows that the interner keeps nothing alive and that its
// map shrinks with it: the bound that 100,000 tenants' changing rules need.
func TestInternerForgets(t *testing.T) {
	t.Parallel()
	var in interner[string, [64]byte]
	hold, _ := in.get("held", func() (*[64]byte, error) { return new([64]byte), nil })
	for i := range 1000 {
		if _, err := in.get(strconv.Itoa(i), func() (*[64]byte, error) { return new([64]byte), nil }); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(20 * time.Second)
	for in.len() > 1 {
		if time.Now().After(deadline) {
			t.Fatalf("%d entries are left", in.len())
		}
		runtime.GC() // cleanups run some time after the collection
		runtime.Gosched()
	}
	again, _ := in.get("held", func() (*[64]byte, error) { return new([64]byte), nil })
	if again != hold {
		t.Error("an entry in use was forgotten")
	}
}
