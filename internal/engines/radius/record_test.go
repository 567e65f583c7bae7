package radius

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

// A record that tells how long the call took is its end.
func TestStatusType(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	for want, avps := range map[byte][]aaa.AVP{
		radius.StatusStart: nil,
		radius.StatusStop:  {d.AVP("Acct-Session-Time", "\x00\x00\x00\x01")},
	} {
		p, err := built(t, &engines.Request{Op: aaa.Accounting, AVPs: avps})
		if err != nil {
			t.Fatal(err)
		}
		if got := find(t, p.enc.Packet, radius.AttrAcctStatusType); got[3] != want {
			t.Errorf("%v, want %d", got, want)
		}
	}
}

// A record is the same at the second server that it is tried at, but for how long it has been on its
// way (RFC 2866 §5.2).
func TestRecordElsewhere(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	now := time.Unix(1700000000, 0) // of built
	for _, tc := range []struct {
		name      string
		req       engines.Request
		session   string
		timestamp int64
		delay     uint32
		later     uint32 // by 1.5 s
	}{
		{"filled in", engines.Request{Begun: now.Add(-90500 * time.Millisecond), SessionID: "s1"}, "s1", now.Unix() - 91, 90, 92},
		{"given", engines.Request{Begun: now.Add(-90 * time.Second), SessionID: "s1", AVPs: []aaa.AVP{
			d.AVP("Acct-Delay-Time", "\x00\x00\x00\x05"), d.AVP("Acct-Session-Id", "own"), d.AVP("Event-Timestamp", "\x00\x00\x00\x07"),
		}}, "own", 7, 95, 96},
		{"at once", engines.Request{Begun: now, SessionID: "s1"}, "s1", now.Unix(), 0, 1},
		{"a clock set back", engines.Request{Begun: now.Add(time.Hour), SessionID: "s1"}, "s1", now.Unix() + 3600, 0, 0},
		{"as long as can be", engines.Request{Begun: now.Add(-time.Minute), SessionID: "s1", AVPs: []aaa.AVP{
			d.AVP("Acct-Delay-Time", "\xff\xff\xff\xf0"),
		}}, "s1", now.Unix() - 60, 1<<32 - 1, 1<<32 - 1},
		{"stored for 100 s, and asked of for 1 s", engines.Request{Begun: now.Add(-time.Second), Happened: now.Add(-101 * time.Second), SessionID: "s1"}, "s1", now.Unix() - 101, 101, 102},
		{"stored, with a delay", engines.Request{Begun: now, Happened: now.Add(-100 * time.Second), SessionID: "s1", AVPs: []aaa.AVP{
			d.AVP("Acct-Delay-Time", "\x00\x00\x00\x64"),
		}}, "s1", now.Unix() - 100, 100, 101},
		{"of the future", engines.Request{Begun: now, Happened: now.Add(time.Hour), SessionID: "s1"}, "s1", now.Unix() + 3600, 0, 1},
		{"unknown", engines.Request{}, strings.Repeat("a5", 8), now.Unix(), 0, 1},
	} {
		tc.req.Op = aaa.Accounting
		p, err := built(t, &tc.req)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		packet := p.enc.Packet
		checkAccountingAuthenticator(t, packet)
		delay := binary.BigEndian.Uint32(find(t, packet, radius.AttrAcctDelayTime))
		timestamp := binary.BigEndian.Uint32(find(t, packet, radius.AttrEventTimestamp))
		if session := string(find(t, packet, radius.AttrAcctSessionID)); session != tc.session || int64(timestamp) != tc.timestamp || delay != tc.delay {
			t.Errorf("%s: session %q, time %d, delay %d", tc.name, session, timestamp, delay)
		}
		if older, _ := p.aged(now.Add(1500 * time.Millisecond)); older != tc.later {
			t.Errorf("%s: 1.5 s later %d, want %d", tc.name, older, tc.later)
		}
	}
	_, err := built(t, &engines.Request{Op: aaa.Accounting, SessionID: strings.Repeat("s", 254)})
	if aaa.KindOf(err) != aaa.KindBadInput {
		t.Errorf("a session identifier of 254 octets: %v", err)
	}
}

// A record is signed whatever its size: the secret that is hashed behind it may need new memory.
func TestRecordOfAnySize(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	for n := range 254 {
		p, err := built(t, &engines.Request{Op: aaa.Accounting, AVPs: []aaa.AVP{
			d.AVP("Class", strings.Repeat("c", 200)), d.AVP("Class", strings.Repeat("c", n)),
		}})
		if err != nil {
			t.Fatal(err)
		}
		if radius.Authenticator(p.enc.Packet[4:]) != p.auth {
			t.Fatalf("a record of %d octets is not signed", len(p.enc.Packet))
		}
		checkAccountingAuthenticator(t, p.enc.Packet)
	}
}
