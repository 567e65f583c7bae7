package document

import (
	"errors"
	"testing"

	"aaa-api/internal/aaa"
)

// FuzzPrepare: nothing panics; what is refused is an *aaa.Error with a place for each
// fault; what is accepted decodes, can be shown, and can be written back as shown.
func FuzzPrepare(f *testing.F) {
	for _, name := range []string{"example_on", "example_inherit", "example_put"} {
		f.Add([]byte(example(f, name)))
	}
	f.Add([]byte(everySecret(f)))
	f.Add([]byte(patched(f, `{"workers":1e2,"nas_port":1.0e1,"x-a":{"servers":[{"secret":1}]},"authz_providers":{"x-p":{"url":"http://[::1]:80","secret":"s"}}}`)))
	f.Add([]byte(`{"servers":[{"health_check":[]}],"authz_providers":[]}`))
	p := newPreparer(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, id := range []aaa.AccountID{account, aaa.SystemConfig} {
			got, err := p.Prepare(t.Context(), id, data, nil)
			if err != nil {
				var e *aaa.Error
				if !errors.As(err, &e) || e.Kind != aaa.KindBadInput || len(e.Fields) == 0 {
					t.Fatalf("refused with %v", err)
				}
				continue
			}
			d, err := Decode(t.Context(), id, got.Body, vault{})
			if err != nil {
				t.Fatalf("accepted, but does not decode: %v\n%s", err, got.Body)
			}
			if d.Workers < 1 || len(d.Servers) > 64 {
				t.Fatalf("accepted out of bounds: %+v", d)
			}
			shown, err := Mask(got.Body)
			if err != nil {
				t.Fatal(err)
			}
			again, err := p.Prepare(t.Context(), id, shown, got.Body)
			if err != nil {
				t.Fatalf("what is shown can't be written back: %v\n%s", err, shown)
			}
			if string(again.Body) != string(got.Body) {
				t.Fatalf("written back it differs:\n%s\n%s", got.Body, again.Body)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	body := prepare(b, example(b, "example_on"), nil).Body
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(b.Context(), account, body, vault{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPrepare(b *testing.B) {
	p, text := newPreparer(b), example(b, "example_on")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Prepare(b.Context(), account, text, nil); err != nil {
			b.Fatal(err)
		}
	}
}
