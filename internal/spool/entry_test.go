package spool

import (
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

func FuzzDecodeEntry(f *testing.F) {
	r := store.SpoolRecord{
		Account: "0123456789abcdef0123456789abcdef", ID: "0123456789abcdef0123456789abcdef", Kind: store.SpoolStop, Session: "s", Payload: "sealed", User: "é",
		EventAt: time.UnixMicro(1), ReceivedAt: time.UnixMicro(2), KeepUntil: time.UnixMicro(3),
	}
	record, err := recordEntry("boot", &r, true)
	if err != nil {
		f.Fatal(err)
	}
	done, err := doneEntry("boot", &r, store.SpoolWithdrawn)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{record, done, copyOf(record), {}, {entryVersion}, {entryVersion, '{', '}'}, record[:len(record)-1]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decodeEntry(original(b))
		if err != nil {
			return
		}
		if !aaa.IsID(e.ID) || !aaa.IsID(string(e.Account)) || len(e.User) > maxLabel {
			t.Errorf("%+v passes", e)
		}
		again, err := e.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeEntry(again); err != nil {
			t.Errorf("%q does not come back: %v", again, err)
		}
	})
}
