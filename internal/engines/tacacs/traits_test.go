package tacacs

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
)

// TestTraits: the dictionary is one that the service ships, and the members are those of a document's servers.
func TestTraits(t *testing.T) {
	t.Parallel()
	traits := New(EngineOptions{}).Traits()
	catalog, err := dict.LoadSystem("")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := catalog.Get(traits.Dictionary); !ok {
		t.Errorf("there is no dictionary %s", traits.Dictionary)
	}
	var members []string
	server := reflect.TypeFor[aaa.Server]()
	for i := range server.NumField() {
		name, _, _ := strings.Cut(server.Field(i).Tag.Get("json"), ",")
		members = append(members, name)
	}
	for _, m := range traits.Members {
		if !slices.Contains(members, m) {
			t.Errorf("servers have no member %s", m)
		}
	}
}
