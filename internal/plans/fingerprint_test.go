package plans

import (
	"reflect"
	"testing"

	"aaa-api/internal/aaa"
)

// TestFingerprint: every member of a server but its dictionaries, each secret too, makes another fingerprint.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	seen := map[fingerprint]string{}
	note := func(member string, s aaa.Server) {
		t.Helper()
		f := fingerprintOf(s)
		if other, ok := seen[f]; ok {
			t.Errorf("%s makes the fingerprint of %s", member, other)
		}
		seen[f] = member
	}
	var s aaa.Server
	note("nothing", s)
	var set func(path string, v reflect.Value)
	set = func(path string, v reflect.Value) {
		if v.Type() == reflect.TypeFor[aaa.Secret]() {
			for _, text := range []string{"one", "two"} {
				v.Set(reflect.ValueOf(aaa.NewSecret(text)))
				note(path+" "+text, s)
			}
			v.SetZero()
			return
		}
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				set(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
			return
		case reflect.String:
			v.SetString("x")
		case reflect.Int:
			v.SetInt(7)
		case reflect.Bool:
			v.SetBool(true)
		default:
			t.Fatalf("%s is a %s", path, v.Type())
		}
		note(path, s)
		v.SetZero()
	}
	v := reflect.ValueOf(&s).Elem()
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; name != "Dicts" {
			set(name, v.Field(i))
		}
	}
	s.Dicts = []string{"mine"}
	if seen[fingerprintOf(s)] != "nothing" {
		t.Error("dictionaries make another fingerprint")
	}
}
