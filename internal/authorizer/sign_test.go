package authorizer

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"aaa-api/internal/aaa"
)

// TestVerify pins the signature to a value made with another tool:
//
//	printf '1790000000.{"op":"authz"}' | openssl dgst -sha256 -hmac 'key'
func TestVerify(t *testing.T) {
	t.Parallel()
	const known = "233a9d88005de855a49ca96752c1cc0023848b5071514c5f431cda1709e7393b"
	body := []byte(`{"op":"authz"}`)
	now := time.Unix(1_790_000_000, 0)
	h := http.Header{}
	setSignature(h, aaa.NewSecret("key"), now, body)
	if h.Get(SignatureHeader) != "v1="+known || h.Get(TimestampHeader) != "1790000000" {
		t.Fatalf("headers %v", h)
	}
	with := func(name, value string) http.Header {
		c := h.Clone()
		c.Set(name, value)
		return c
	}
	for _, c := range []struct {
		name   string
		secret string
		header http.Header
		body   string
		now    time.Time
		ok     bool
	}{
		{"good", "key", h, string(body), now, true},
		{"a minute late", "key", h, string(body), now.Add(time.Minute), true},
		{"too late", "key", h, string(body), now.Add(time.Minute + time.Second), false},
		{"from the future", "key", h, string(body), now.Add(-time.Minute - time.Second), false},
		{"another key", "Key", h, string(body), now, false},
		{"no key", "", h, string(body), now, false},
		{"another body", "key", h, string(body) + " ", now, false},
		{"another time", "key", with(TimestampHeader, "1790000001"), string(body), now, false},
		{"no time", "key", with(TimestampHeader, ""), string(body), now, false},
		{"no version", "key", with(SignatureHeader, known), string(body), now, false},
		{"cut", "key", with(SignatureHeader, "v1="+known[:62]), string(body), now, false},
		{"empty", "key", with(SignatureHeader, "v1="), string(body), now, false},
		{"no hexadecimal", "key", with(SignatureHeader, "v1=zz"), string(body), now, false},
		{"no headers", "key", http.Header{}, string(body), now, false},
	} {
		err := Verify(aaa.NewSecret(c.secret), c.header, []byte(c.body), c.now, time.Minute)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
