package aaa

import (
	"encoding/json"
	"reflect"
	"testing"
)

func named(name string, t Type, word string, octets ...byte) NamedAVP {
	return NamedAVP{AVP: AVP{Attr: &Attribute{Name: name, Type: t}, Value: octets}, As: name, Word: word}
}

// TestAVPsAsShown: several values of a name are a list, wherever they stand, and what is read back shows the same.
func TestAVPsAsShown(t *testing.T) {
	t.Parallel()
	stream := NamedAVP{AVP: AVP{Attr: &Attribute{Name: "NAS-Filter-Rule", Number: nasFilterRule, Type: TypeString}, Value: []byte("permit\x00deny")}, As: "NAS-Filter-Rule"}
	list := AVPs{
		named("Class", TypeOctets, "", 1, 2), named("Session-Timeout", TypeInteger, "", 0, 0, 1, 0), stream,
		named("Class", TypeOctets, "", 3), named("Tunnel-Type:1", TypeInteger, "VLAN", 0, 0, 0, 13), named("Offset", TypeSigned, "", 0xff, 0xff, 0xff, 0xfe),
		named("Large", TypeInteger64, "", 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), named("Open", TypeBool, "", 1), stream,
		named("Odd", TypeInteger, "", 1),
	}
	want := `{"Class":["0x0102","0x03"],"Large":18446744073709551615,"NAS-Filter-Rule":["permit","deny","permit","deny"],"Odd":"0x01",` +
		`"Offset":-2,"Open":true,"Session-Timeout":256,"Tunnel-Type:1":"VLAN"}`
	for range 2 {
		text, err := json.Marshal(list)
		if err != nil || string(text) != want {
			t.Fatalf("%s, %v\nwant %s", text, err, want)
		}
		list = nil
		if err := json.Unmarshal(text, &list); err != nil {
			t.Fatal(err)
		}
	}
	if got := list.Value("Class"); !reflect.DeepEqual(got, Value([]any{"0x0102", "0x03"})) || list.Value("Filter-Id") != nil {
		t.Errorf("%v", got)
	}
}
