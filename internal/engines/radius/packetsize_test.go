package radius

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

// TestPacketSize: of a packet that gets too long is told which attribute was one too many, be it that what is filled
// in has no room behind it.
func TestPacketSize(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	long := d.AVP("Reply-Message", strings.Repeat("x", 253))
	for name, tc := range map[string]struct {
		avps []aaa.AVP
		want string // empty where all fits
	}{
		"in the middle":    {slices.Concat(slices.Repeat([]aaa.AVP{long}, 16), []aaa.AVP{d.AVP("User-Name", "bob")}), "Reply-Message"},
		"at the end":       {slices.Concat(slices.Repeat([]aaa.AVP{long}, 15), []aaa.AVP{d.AVP("User-Name", strings.Repeat("x", 253))}), "User-Name"},
		"by what is added": {slices.Concat(slices.Repeat([]aaa.AVP{long}, 15), []aaa.AVP{d.AVP("User-Name", strings.Repeat("x", 230))}), "User-Name"},
		"full":             {slices.Concat(slices.Repeat([]aaa.AVP{long}, 15), []aaa.AVP{d.AVP("User-Name", strings.Repeat("x", 222))}), ""},
	} {
		p, err := built(t, &engines.Request{Op: aaa.Authn, Dict: d, AVPs: tc.avps})
		var e *aaa.Error
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case tc.want == "" && len(p.enc.Packet) != radius.MaxPacket:
			t.Errorf("%s: %d octets", name, len(p.enc.Packet))
		case tc.want != "" && (!errors.As(err, &e) || len(e.Fields) != 1 || e.Fields[0].Path != tc.want || e.Fields[0].Rule != "maxLength"):
			t.Errorf("%s: %v, want a fault of %s", name, err, tc.want)
		}
	}
}
