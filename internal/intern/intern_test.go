package intern

import (
	"runtime"
	"strconv"
	"testing"
	"time"
)

// TestTableForgets shows that a Table keeps nothing alive and that its
// map shrinks with it: the bound that 100,000 tenants' changing rules need.
func TestTableForgets(t *testing.T) {
	t.Parallel()
	var in Table[string, [64]byte]
	hold, _ := in.Get("held", func() (*[64]byte, error) { return new([64]byte), nil })
	for i := range 1000 {
		if _, err := in.Get(strconv.Itoa(i), func() (*[64]byte, error) { return new([64]byte), nil }); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(20 * time.Second)
	for in.Len() > 1 {
		if time.Now().After(deadline) {
			t.Fatalf("%d entries are left", in.Len())
		}
		runtime.GC() // cleanups run some time after the collection
		runtime.Gosched()
	}
	again, _ := in.Get("held", func() (*[64]byte, error) { return new([64]byte), nil })
	if again != hold {
		t.Error("an entry in use was forgotten")
	}
}
