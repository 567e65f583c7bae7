package token

import (
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/schema"
	"aaa-api/internal/store"
)

// LastExpiry is the latest time that a credential may end at: JSON's times (RFC 3339 §5.6) have
// four digits for the year, and in UTC, as they are shown.
var LastExpiry = time.Date(9999, time.December, 31, 23, 59, 59, 999_999_000, time.UTC)

// New makes a credential of a kind from what somebody wants of it (schemas/token.json): data has the types
// that schema.Parse gives. The account and the hash are left to the caller, Scopes is nil where none
// were named. The error is an *aaa.Error of KindBadInput with the path of each fault.
func New(kind string, data map[string]any, now time.Time) (store.Token, error) {
	if faults := schema.Validate(schema.Token, data); len(faults) > 0 {
		return store.Token{}, aaa.Invalid(faults...)
	}
	if given, ok := data["kind"].(string); ok && given != kind {
		return store.Token{}, aaa.Invalid(aaa.Field{Path: "kind", Rule: "enum", Message: "must be " + kind + " here", Target: []string{kind}})
	}
	t := store.Token{ID: aaa.NewID(), Kind: kind, CreatedAt: now.UTC().Truncate(time.Microsecond)}
	t.Note, _ = data["note"].(string)
	list, _ := data["scopes"].([]any)
	for _, v := range list {
		s, _ := v.(string)
		t.Scopes = append(t.Scopes, s)
	}
	if text, ok := data["expires_at"].(string); ok {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil || !at.After(now) {
			return store.Token{}, aaa.Invalid(aaa.Field{Path: "expires_at", Rule: "format", Message: "must be a time to come: this one is over", Target: "date-time"})
		}
		t.ExpiresAt = at.UTC().Truncate(time.Microsecond)
		if t.ExpiresAt.After(LastExpiry) {
			return store.Token{}, aaa.Invalid(aaa.Field{Path: "expires_at", Rule: "maximum", Message: "must be within the year 9999 in UTC", Target: LastExpiry.Format(time.RFC3339)})
		}
	}
	return t, nil
}
