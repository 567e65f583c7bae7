package translate_test

import (
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
)

// TestInKeys: what an engine finds wrong with an attribute is told of the key that was sent.
func TestInKeys(t *testing.T) {
	t.Parallel()
	b := compile(t, rule("absent", "User-Password", `^(.*)$`), rule("pass", "user-password", `^(.*)$`), rule("lost", "Cisco-AVPair", `^(.*)$`)).
		Bind(testSet(t), aaa.Strict)
	found := aaa.Invalid(
		aaa.Field{Path: "User-Password", Rule: "maxLength", Message: "too long", Target: 128},
		aaa.Field{Path: "Cisco-AVPair", Rule: "type", Message: "no"},
		aaa.Field{Rule: "maxLength", Message: "the packet is too long"})
	var got *aaa.Error
	if !errors.As(b.InKeys(found, map[string]any{"pass": "x", "lost": "y"}), &got) || !errors.Is(got, found) {
		t.Fatal("no *aaa.Error that holds the engine's")
	}
	want := []aaa.Field{
		{Path: "pass", Rule: "maxLength", Message: "rule authn_avp_translation.1, attribute user-password: too long", Target: 128},
		{Path: "Cisco-AVPair", Rule: "type", Message: "no"},
		{Rule: "maxLength", Message: "the packet is too long"},
	}
	if d := cmp.Diff(want, got.Fields); d != "" || got.Kind != aaa.KindBadInput || found.Fields[0].Path != "User-Password" {
		t.Errorf("%s, and of the engine's: %+v", d, found)
	}
	if err := b.InKeys(io.EOF, nil); !errors.Is(err, io.EOF) {
		t.Errorf("another error became %v", err)
	}
}
