package document

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/schema"
)

// FuzzPrepare takes its input as a document and as a patch of a good one. Nothing panics; what is refused
// is an *aaa.Error with faults; what is accepted decodes, can be shown, and can be written back as shown.
func FuzzPrepare(f *testing.F) {
	for _, name := range []string{"example_on", "example_inherit", "example_put"} {
		f.Add([]byte(example(f, name)))
	}
	f.Add([]byte(everySecret(f)))
	f.Add([]byte(patched(f, `{"workers":1e2,"nas_port":1.0e1,"x-a":{"servers":[{"secret":1}]},"authz_providers":{"x-p":{"url":"http://[::1]:80","secret":"s"}}}`)))
	f.Add([]byte(`{"servers":[{"health_check":[]}],"authz_providers":[]}`))
	for _, patch := range []string{
		`{"fsm":{"authn":"all","x-a":1},"realms":{"home":{"*":"server1","":"custom","A.b":"accounting"}}}`, `{"fsm":"realms"}`,
		`{"servers":[{"enabled":true,"name":"a/b","address":"h","port":1,"secret":"s","aaa_engine":"radius","dicts":["dictionary"]}],"authorization":["a/b"]}`,
		`{"authz_avp_translation":[{"attribute":"A","request_key":"k","request_value_regexp":"(?P<value>.)","attr_value_regexp":"(.){2}"}]}`,
		`{"block_authz":[{"channel":["inbound","internal"]}],"session_timeout":0.0,"custom":["server1"],"authz_password":"p"}`,
	} {
		f.Add([]byte(patch))
	}
	p, good := newPreparer(f), parse(f, everySecret(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzzPrepare(t, p, data)
		if patch, err := schema.Parse(data, schema.MaxDepth); err == nil {
			text, err := aaa.PlainJSON(MergePatch(good, patch))
			if err != nil {
				t.Fatal(err)
			}
			fuzzPrepare(t, p, text)
			d := load(t, nil)
			d.Replace(good)
			d.Patch(patch)
			if n, err := d.Size(); n != len(text) || err != nil {
				t.Fatalf("size %d, %v, want %d", n, err, len(text))
			}
			if faults := schema.Validate(schema.SystemAAA, d.body); faults == nil {
				want, err := decode(text)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := typedOf(d.body); err != nil || !reflect.DeepEqual(got, want) {
					t.Fatalf("typed: %v\n%+v\n%+v", err, got, want)
				}
			}
		}
	})
}

func fuzzPrepare(t *testing.T, p *Preparer, data []byte) {
	t.Helper()
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

// FuzzClient takes its input as the document of a client and as a patch of a good one. Nothing panics; what is refused is an *aaa.Error
// with faults; what is accepted has no secret in the clear, decodes and opens, and can be written back as shown.
func FuzzClient(f *testing.F) {
	const good = `{"address":"192.0.2.0/24","secret":"hush-secret-of-16","previous_secret":"hush-previous-16","coa":{"secret":"hush-coa-secret16","port":1e3}}`
	for _, doc := range []string{
		good, `{"certificate":{"issuer":"CN=a\\,b+O=c","serial":"0:01"}}`, `{"certificate":{"san":"urn:x:y"},"protocols":["tacacs"],"quirks":["short-body"]}`,
		`{"address":"::","secret":"s","warn_after":"2027-01-31T12:00:00.5+01:00"}`, `{"coa":null,"secret":["hush"]}`, `{"enabled":0,"reply_within":5e2}`,
	} {
		f.Add([]byte(doc))
	}
	p, base := newPreparer(f), parse(f, []byte(good))
	try := func(t *testing.T, value any, stored json.RawMessage) *PreparedClient {
		t.Helper()
		d, err := LoadClient(account, "c", stored)
		if err != nil {
			t.Fatal(err)
		}
		d.Replace(value)
		got, err := d.PrepareClient(t.Context(), p)
		if err != nil {
			var e *aaa.Error
			if !errors.As(err, &e) || e.Kind != aaa.KindBadInput || len(e.Fields) == 0 {
				t.Fatalf("%v", err)
			}
			return nil
		}
		return got
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		value, err := schema.Parse(data, schema.MaxDepth)
		if err != nil {
			return
		}
		for _, doc := range []any{value, MergePatch(base, value)} {
			got := try(t, doc, nil)
			if got == nil {
				continue
			}
			if got.Network != got.Network.Masked() || !got.Network.IsValid() && got.Certificate == "" {
				t.Fatalf("%s: network %s, certificate %q", data, got.Network, got.Certificate)
			}
			c, err := DecodeClient(got.Body)
			if err != nil {
				t.Fatal(err)
			}
			if err := OpenClient(t.Context(), account, "c", c, vault{}); err != nil {
				t.Fatal(err)
			}
			masked, err := MaskClient("c", got.Body)
			if err != nil {
				t.Fatal(err)
			}
			if again := try(t, masked, got.Body); again == nil || string(again.Body) != string(got.Body) {
				t.Fatalf("%s: written back as %+v", got.Body, again)
			}
		}
	})
}
