package aaa

import (
	"fmt"
	"log/slog"
)

// Mask is what an answer shows in place of a secret. Writing it back keeps the stored secret.
const Mask = "********"

// Secret is a shared secret or password in the clear. Whatever prints, logs or
// marshals it gets Mask; only Reveal gives the text.
//
// The text is behind a pointer because fmt calls no methods on what stands in an
// unexported field of another struct: there it prints the fields, and of a pointer only the address.
type Secret struct{ text *string }

// NewSecret wraps a clear text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal returns the clear text. Callers are the code that puts it on the wire or seals it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports an absent secret.
func (s Secret) IsZero() bool { return s.text == nil }

func (s Secret) String() string                { return Mask }
func (s Secret) GoString() string              { return Mask }
func (s Secret) Format(f fmt.State, _ rune)    { fmt.Fprint(f, Mask) }
func (s Secret) LogValue() slog.Value          { return slog.StringValue(Mask) }
func (s Secret) MarshalText() ([]byte, error)  { return []byte(Mask), nil }
func (s *Secret) UnmarshalText(b []byte) error { *s = NewSecret(string(b)); return nil }
