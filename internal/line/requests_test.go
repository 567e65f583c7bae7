package line

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"aaa-api/internal/aaa"
)

var (
	requestType = reflect.TypeFor[aaa.Request]()
	resultType  = reflect.TypeFor[aaa.Result]()
)

// fill sets all that is in a value, so that a member which does not cross is seen.
func fill(v reflect.Value, n *int) {
	*n++
	switch p := v.Addr().Interface().(type) {
	case *aaa.Values:
		*p = aaa.Values{"k": json.Number("1")}
		return
	case *aaa.AVPs:
		*p = aaa.AVPs{{AVP: aaa.AVP{Attr: &aaa.Attribute{Name: "a"}}, As: "b"}}
		return
	case *aaa.Device:
		*p = aaa.Device{Protocol: aaa.ClientTACACS, Client: "c", From: netip.IPv6Loopback(), AVPs: []aaa.AVP{{Attr: &aaa.Attribute{Name: "a"}, Value: []byte{1}}}}
		return
	case *aaa.DeviceReply:
		*p = aaa.DeviceReply{Engine: "e", AVPs: []aaa.AVP{{Attr: &aaa.Attribute{Name: "a"}, Value: []byte{}}}}
		return
	case *time.Time:
		*p = time.Unix(int64(*n), 5).UTC()
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(string(rune('a' + *n%26)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint8:
		v.SetUint(3)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	default:
		panic(v.Type().String())
	}
}

// TestRequestsCrossWhole: each member of a request and of a result crosses, alone and with all others.
func TestRequestsCrossWhole(t *testing.T) {
	t.Parallel()
	for _, typ := range []reflect.Type{requestType, resultType} {
		full := reflect.New(typ)
		n := 0
		fill(full.Elem(), &n)
		all := []reflect.Value{reflect.New(typ), full}
		for i := range typ.NumField() {
			one := reflect.New(typ)
			one.Elem().Field(i).Set(full.Elem().Field(i))
			all = append(all, one)
		}
		for _, want := range all {
			b, err := Append(nil, want.Interface())
			got := reflect.New(typ)
			if err == nil {
				err = Read(string(b), got.Interface())
			}
			if err != nil || !reflect.DeepEqual(got.Interface(), want.Interface()) {
				t.Errorf("%v\ngot  %+v\nwant %+v", err, got.Elem(), want.Elem())
			}
			for cut := range b {
				if Read(string(b[:cut]), got.Interface()) == nil {
					t.Errorf("%s: %d octets of %d are taken", typ, cut, len(b))
				}
			}
		}
	}
}

// FuzzRequests holds that what is read of a request or a result can be written and read again.
func FuzzRequests(f *testing.F) {
	for _, v := range []any{&authn, accepted} {
		b, err := Append(nil, v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, typ := range []reflect.Type{requestType, resultType} {
			got, again := reflect.New(typ), reflect.New(typ)
			if Read(string(data), got.Interface()) != nil {
				continue
			}
			b, err := Append(nil, got.Interface())
			if err == nil {
				err = Read(string(b), again.Interface())
			}
			if err != nil || !reflect.DeepEqual(got.Interface(), again.Interface()) {
				t.Fatalf("%x: %v\n%+v\n%+v", data, err, got.Elem(), again.Elem())
			}
		}
	})
}
