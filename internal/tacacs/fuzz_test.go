package tacacs

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"testing"
)

// FuzzDecode gives octets to every body's decoder. What one accepts encodes to the same octets again.
func FuzzDecode(f *testing.F) {
	for i, v := range vectors {
		b, _ := hex.DecodeString(v.clear)
		f.Add(uint8(i), b)
	}
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		v := vectors[int(which)%len(vectors)]
		before := bytes.Clone(b)
		got := v.empty()
		err := got.Decode(b)
		if !bytes.Equal(b, before) {
			t.Fatal("Decode changed its input")
		}
		if err != nil {
			if !errors.Is(err, FaultShort) && !errors.Is(err, FaultLengths) && !errors.Is(err, FaultTooLong) {
				t.Fatalf("error %v", err)
			}
			return
		}
		out, err := got.Append(nil)
		if err != nil || !bytes.Equal(out, b) {
			t.Fatalf("%x became %x, %v", b, out, err)
		}
		again := v.empty()
		if err := again.Decode(out); err != nil || !reflect.DeepEqual(got, again) {
			t.Fatalf("%+v became %+v, %v", got, again, err)
		}
	})
}

// FuzzPacket reads octets as a packet, as the reader does.
func FuzzPacket(f *testing.F) {
	for _, v := range vectors {
		b, _ := hex.DecodeString(v.whole)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHeader(b)
		if err != nil || int(h.Length) != len(b)-HeaderLen {
			return
		}
		if !bytes.Equal(h.Append(nil), b[:HeaderLen]) {
			t.Fatalf("header %+v", h)
		}
		for _, v := range vectors {
			body := v.empty()
			if DecodeBody(bytes.Clone(b[HeaderLen:]), h, testSecret, body) != nil {
				continue
			}
			if whole, err := AppendPacket(nil, h, body, testSecret); err != nil || !bytes.Equal(whole, b) {
				t.Fatalf("%x became %x, %v", b, whole, err)
			}
		}
	})
}
