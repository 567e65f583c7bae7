package translate

import (
	"runtime"
	"sync"
	"testing"

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
