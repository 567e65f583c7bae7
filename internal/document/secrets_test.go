package document

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/secmod"
)

// everySecret is a document of the system configuration with a distinct secret in every place.
func everySecret(t testing.TB) json.RawMessage {
	return patched(t, `{
		"authz_username":"u","authz_password":"hush-authz",
		"authz_providers":{"a/b":null,"jonny5":{"url":"http://j","secret":"hush-jonny5"},"other":{"url":"http://o","secret":"hush-other"}},
		`+servers(`{"name":"one","secret":"hush-one","health_check":{"type":"user","username":"u","password":"hush-probe"}}`, `{"name":"two","secret":"hush-two"}`)+`}`)
}

func prepareSystem(t testing.TB, doc, stored json.RawMessage) (*Prepared, error) {
	t.Helper()
	return newPreparer(t).Prepare(t.Context(), aaa.SystemConfig, doc, stored)
}

// opened lists the secrets of a stored document by purpose.
func opened(t testing.TB, body json.RawMessage) map[string]string {
	t.Helper()
	d, err := Decode(t.Context(), aaa.SystemConfig, body, vault{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	err = eachSecret(d, func(purpose string, s *aaa.Secret) error {
		got[purpose] = s.Reveal()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

var allOpened = map[string]string{
	"authz_password":                    "hush-authz",
	"authz_providers/jonny5/secret":     "hush-jonny5",
	"authz_providers/other/secret":      "hush-other",
	"servers/one/secret":                "hush-one",
	"servers/one/health_check/password": "hush-probe",
	"servers/two/secret":                "hush-two",
}

func TestSecretsRoundTrip(t *testing.T) {
	t.Parallel()
	first, err := prepareSystem(t, everySecret(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(first.Body), "hush") {
		t.Errorf("a secret is stored in the clear: %s", first.Body)
	}
	if diff := cmp.Diff(allOpened, opened(t, first.Body)); diff != "" {
		t.Errorf("opened (-want +got):\n%s", diff)
	}
	shown, err := Mask(first.Body)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(shown); strings.Contains(s, secmod.SealedPrefix) || strings.Count(s, `"`+aaa.Mask+`"`) != len(allOpened) {
		t.Errorf("masked: %s", s)
	}
	// Writing back what was read changes nothing.
	second, err := prepareSystem(t, shown, first.Body)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(first.Body), string(second.Body)); diff != "" {
		t.Errorf("written back:\n%s", diff)
	}
}

// TestSecretsFollowTheName: a mask keeps the secret of the server of that name,
// wherever it stands in the list, and nothing else.
func TestSecretsFollowTheName(t *testing.T) {
	t.Parallel()
	stored, err := prepareSystem(t, everySecret(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	change := func(patch string) (*Prepared, error) {
		shown, err := Mask(stored.Body)
		if err != nil {
			t.Fatal(err)
		}
		text, err := aaa.PlainJSON(MergePatch(parse(t, shown), parse(t, []byte(patch))))
		if err != nil {
			t.Fatal(err)
		}
		return prepareSystem(t, text, stored.Body)
	}
	with := func(changes map[string]string, without ...string) map[string]string {
		m := maps.Clone(allOpened)
		maps.Copy(m, changes)
		for _, name := range without {
			delete(m, name)
		}
		return m
	}
	probe := `"health_check":{"type":"user","username":"u","password":"********"}`
	for name, c := range map[string]struct {
		patch string
		want  map[string]string
	}{
		"another member": {`{"workers":9}`, allOpened},
		"order turned round": {
			`{` + servers(`{"name":"two","secret":"********"}`, `{"name":"one","secret":"********",`+probe+`}`) + `}`, allOpened,
		},
		"one replaced": {
			`{"authz_password":"hush-new",` + servers(`{"name":"one","secret":"hush-new-1",`+probe+`}`, `{"name":"two","secret":"********"}`) + `}`,
			with(map[string]string{"authz_password": "hush-new", "servers/one/secret": "hush-new-1"}),
		},
		"some removed": {
			`{"authz_password":null,"authz_providers":{"other":null},` + servers(`{"name":"one","secret":"********"}`) + `}`,
			with(nil, "authz_password", "authz_providers/other/secret", "servers/one/health_check/password", "servers/two/secret"),
		},
		// A sealed text of a client's is a secret like any other: it can't be used to move one.
		"sealed text written": {
			`{` + servers(`{"name":"one","secret":"********",`+probe+`}`, `{"name":"two","secret":"`+sealedSecret(t, stored.Body, "servers/one/secret")+`"}`) + `}`,
			with(map[string]string{"servers/two/secret": sealedSecret(t, stored.Body, "servers/one/secret")}),
		},
	} {
		got, err := change(c.patch)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(c.want, opened(t, got.Body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name, c := range map[string]struct {
		patch string
		want  []string
	}{
		"renamed":         {`{` + servers(`{"name":"uno","secret":"********"}`) + `}`, []string{"servers.0.secret secret"}},
		"no probe before": {`{` + servers(`{"name":"two","secret":"********",`+probe+`}`) + `}`, []string{"servers.0.health_check.password secret"}},
		"new authoriser":  {`{"authz_providers":{"third":{"url":"http://t","secret":"********"}}}`, []string{"authz_providers.third.secret secret"}},
		"two of one name": {`{` + servers(`{"name":"two","secret":"********"}`, `{"name":"two","secret":"********"}`) + `}`, []string{"servers.1.name unique"}},
	} {
		_, err := change(c.patch)
		if diff := cmp.Diff(c.want, faultsOf(t, err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func sealedSecret(t testing.TB, body json.RawMessage, purpose string) string {
	t.Helper()
	for _, p := range Places(parse(t, body).(map[string]any)) {
		if text, ok := p.Text(); ok && p.Purpose == purpose {
			return text
		}
	}
	t.Fatalf("no secret for %s", purpose)
	return ""
}

// TestSecretsAreNeverShown breaks a document in every way while it is full of
// secrets, and looks for them in everything that could reach a log or an answer.
func TestSecretsAreNeverShown(t *testing.T) {
	t.Parallel()
	long := "hush" + strings.Repeat("x", 300)
	docs := map[string]json.RawMessage{}
	for name, patch := range map[string]string{
		"content":      `{"authentication":["no"],"nas_address":"x"}`,
		"form":         `{"aaa_mode":"x"}`,
		"place":        `{"secret":"hush-a","password":{"x":"hush-b"},"authz_pasword":"hush-c"}`,
		"wrong types":  `{"authz_password":["hush-a"],"servers":[["hush-b"],"hush-c",{"secret":{"value":"hush-d"},"health_check":"hush-e"}],"authz_providers":{"p":"hush-f","q":{"secret":5550123}}}`,
		"too long":     `{"authz_password":"` + long + `","authz_providers":{"jonny5":{"secret":"` + long + `"}},` + servers(`{"secret":"`+long+`","health_check":{"password":"`+long+`"}}`) + `}`,
		"provider URL": `{"authz_providers":{"jonny5":{"url":"http://u:hush-a@j/"}}}`,
	} {
		text, err := aaa.PlainJSON(MergePatch(parse(t, everySecret(t)), parse(t, []byte(patch))))
		if err != nil {
			t.Fatal(err)
		}
		docs[name] = text
	}
	docs["syntax"] = json.RawMessage(strings.Replace(string(everySecret(t)), `"hush-one"`, `"hush-one"x`, 1))
	docs["bad UTF-8"] = json.RawMessage(strings.Replace(string(everySecret(t)), `hush-one`, "hush-one\xff", 1))
	docs["twice"] = json.RawMessage(strings.Replace(string(everySecret(t)), `"secret":"hush-one"`, `"secret":"hush-one","secret":"hush-one\u0000"`, 1))

	look := func(what, text string) {
		for _, secret := range []string{"hush", "5550123"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s gives a secret away: %s", what, text)
			}
		}
	}
	for name, doc := range docs {
		_, err := prepareSystem(t, doc, nil)
		var e *aaa.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: accepted, or %v", name, err)
			continue
		}
		shown, jsonErr := json.Marshal(e.Fields)
		if jsonErr != nil {
			t.Error(jsonErr)
		}
		look(name, fmt.Sprintf("%v %+v %s %+v %v", err, e.Fields, shown, *e, e.Err))
	}

	good, err := prepareSystem(t, everySecret(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	look("prepared", fmt.Sprintf("%+v %#v", good, good.Warnings))
	if len(good.Warnings) == 0 {
		t.Error("no warnings to look at")
	}
	d, err := Decode(t.Context(), aaa.SystemConfig, good.Body, vault{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	look("decoded", fmt.Sprintf("%v %+v %#v %s", d, d, d, text))
	away := errors.New("locked")
	_, err = Decode(t.Context(), aaa.SystemConfig, good.Body, vault{err: away})
	if !errors.Is(err, away) || strings.Contains(err.Error(), secmod.SealedPrefix) {
		t.Errorf("an opener that fails: %v", err)
	}
	if _, err := Decode(t.Context(), account, good.Body, vault{}); err == nil {
		t.Error("secrets of another account open")
	}
	if _, err := Decode(t.Context(), account, json.RawMessage(`{"authz_password":5550123}`), vault{}); !errors.Is(err, errStored) {
		t.Errorf("a damaged document: %v", err)
	} else {
		look("damaged", err.Error())
	}
	if _, err := Mask(json.RawMessage(`{"authz_password":"hush`)); !errors.Is(err, errStored) {
		t.Errorf("Mask of a damaged document: %v", err)
	} else {
		look("damaged", err.Error())
	}
}

// TestEverySecretIsKnown fills every aaa.Secret that the type aaa.Document can
// hold, and expects both walks to find each of them: a secret added to the type
// and forgotten here would be stored in the clear.
func TestEverySecretIsKnown(t *testing.T) {
	t.Parallel()
	var d aaa.Document
	d.Servers = make([]aaa.Server, 1)
	d.AuthzProviders = map[string]aaa.AuthzProvider{"p": {}}
	n := fill(reflect.ValueOf(&d).Elem())
	var typed []string
	if err := eachSecret(&d, func(purpose string, _ *aaa.Secret) error { typed = append(typed, purpose); return nil }); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(&d)
	if err != nil {
		t.Fatal(err)
	}
	var untyped []string
	for _, p := range Places(parse(t, text).(map[string]any)) {
		untyped = append(untyped, p.Purpose)
	}
	slices.Sort(typed)
	slices.Sort(untyped)
	if diff := cmp.Diff(typed, untyped); diff != "" {
		t.Errorf("the walks differ:\n%s", diff)
	}
	if len(typed) != n {
		t.Errorf("aaa.Document holds %d secrets, known are %v", n, typed)
	}
}

// fill puts a secret wherever v can hold one and counts.
func fill(v reflect.Value) int {
	if v.Type() == reflect.TypeFor[aaa.Secret]() {
		v.Set(reflect.ValueOf(aaa.NewSecret("x")))
		return 1
	}
	n := 0
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			n += fill(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			n += fill(v.Index(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			e := reflect.New(v.Type().Elem()).Elem()
			e.Set(v.MapIndex(key))
			n += fill(e)
			v.SetMapIndex(key, e)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			n += fill(v.Elem())
		}
	}
	return n
}
