package fsm_test

import (
	"encoding/json"
	"testing"

	"aaa-api/internal/fsm"
)

func marshal(t testing.TB, s *fsm.Source) []byte {
	t.Helper()
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// FuzzParseText: what is taken comes back the same from its text and its JSON; what compiles ends.
func FuzzParseText(f *testing.F) {
	for _, b := range fsm.BuiltIns() {
		f.Add([]byte(b.Text))
	}
	for _, b := range badTables(f) {
		f.Add([]byte(b.text))
	}
	f.Add([]byte(matching))
	f.Add([]byte("\xEF\xBB\xBF%FSMID a\tb\r\n#\r\nS :\r\n *.+AUTHEN.ACK LOG End A-B = 3, C=\"x \\\" \\\\\"\r\nend:\r\n# x"))
	actions := specs()
	f.Fuzz(func(t *testing.T, text []byte) {
		source, faults := fsm.ParseText(text)
		sound(t, faults)
		if len(faults) == 0 {
			unharmed(t, source)
		}
		compilesAndEnds(t, source, actions)
		table, errors, warnings := fsm.Check(text, actions)
		sound(t, errors)
		sound(t, warnings)
		if (table == nil) != (len(errors) > 0) || table != nil && len(faults) > 0 {
			t.Fatalf("a table: %v, errors: %v", table != nil, errors)
		}
	})
}

// FuzzParseJSON does the same with JSON.
func FuzzParseJSON(f *testing.F) {
	for _, b := range fsm.BuiltIns() {
		source, _ := fsm.ParseText([]byte(b.Text))
		f.Add(marshal(f, source))
	}
	f.Add([]byte(`{"id":"x","events":[{"name":"E","comments":["", "a\tb"]}],"states":[{"name":"S","comments":[],"lines":[{"state":"*","action":"+E","event":"ACK","do":"LOG","next":"End","xvalue":-1,"xstring":"a \"\\ ="}]}],"comments":[" z", "y \t"]}`))
	f.Add([]byte(`{"states":[{"name":"end"},{"name":"S","name":"T","line":[{"xvalue":1.0}]}]}`))
	actions := specs()
	f.Fuzz(func(t *testing.T, data []byte) {
		source, faults := fsm.ParseJSON(data)
		sound(t, faults)
		if len(faults) > 0 {
			return
		}
		unharmed(t, source)
		compilesAndEnds(t, source, actions)
	})
}

// sound holds for every list of faults.
func sound(t *testing.T, list []fsm.Fault) {
	t.Helper()
	if len(list) > fsm.MaxFaults {
		t.Fatalf("%d faults", len(list))
	}
	for _, f := range list {
		if f.Rule == "" || f.Message == "" {
			t.Fatalf("a fault says nothing: %+v", f)
		}
	}
}
