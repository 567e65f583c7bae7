package engines

import (
	"slices"
	"testing"

	"aaa-api/internal/aaa"
)

// told is an engine that only tells its traits.
type told struct {
	Engine
	name   string
	traits Traits
}

func (e told) Name() string   { return e.name }
func (e told) Traits() Traits { return e.traits }

func TestTraits(t *testing.T) {
	t.Parallel()
	r := NewRegistry(
		told{name: "b", traits: Traits{Arguments: true, Dictionary: "dictionary_b", Members: []string{"x", "y"}}},
		told{name: "a", traits: Traits{Members: []string{"x"}}},
	)
	for name, want := range map[string][2]aaa.AVPMode{
		"a": {aaa.Strict, aaa.CustomAVP}, "b": {aaa.StrictArguments, aaa.AnyName}, "nobody": {aaa.Strict, aaa.CustomAVP},
	} {
		traits := r.Traits(name)
		if got := [2]aaa.AVPMode{traits.Mode(""), traits.Mode(aaa.CustomAVP)}; got != want || traits.Mode(aaa.Strict) != want[0] {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if got := r.Taking("x"); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("x is taken by %v", got)
	}
	if got := r.Taking("z"); got != nil {
		t.Errorf("z is taken by %v", got)
	}
	if got := r.Dictionaries(); !slices.Equal(got, []string{"dictionary_b"}) {
		t.Errorf("dictionaries %v", got)
	}
}
