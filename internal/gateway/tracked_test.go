package gateway

import (
	"bytes"
	"context"
	"maps"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// TestRebootOfADevice: a device that begins its accounting anew ends its own sessions: those of the client and of the NAS, or of the address
// where its records name no NAS. What a record claims ends nobody else's, be they kept for another client or opened through the API.
func TestRebootOfADevice(t *testing.T) {
	t.Parallel()
	for name, servers := range map[string][]string{"delivered": {"one"}, "without servers": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
			f := newFixture(t, func(o *Options) { o.Now = func() time.Time { return now } })
			f.put("customer", with(doc("on", servers...), `"track_sessions":true`))
			tell := func(client, from, record string) {
				t.Helper()
				req := f.device(aaa.ClientRADIUS, aaa.Accounting, avpsOf(t, strings.Fields(record)...))
				req.Device.Client, req.Device.From = client, netip.MustParseAddr(from)
				_, err := f.gateway.Handle(f.ctx, req)
				f.must(err)
			}
			open := func() (list []string) {
				t.Helper()
				all, _, err := f.gateway.Sessions(f.ctx, f.ids["customer"], aaa.SessionFilter{}, store.Page{})
				f.must(err)
				for _, s := range all {
					if s.Open {
						list = append(list, s.Device.Client+" "+s.Device.Address)
					}
				}
				return list
			}
			began := 0
			for _, client := range []string{"mine", "theirs"} {
				for _, from := range []string{"192.0.2.1", "192.0.2.2"} {
					for _, nas := range []string{"NAS-Identifier=gate", ""} {
						tell(client, from, nas+" Acct-Status-Type=Start User-Name=alice Acct-Session-Id=1")
					}
					began++
				}
				began++ // the one of the NAS
			}
			if n := len(open()); n != began {
				t.Fatalf("%d sessions are open, %d began", n, began)
			}
			now = now.Add(time.Minute)
			tell("mine", "192.0.2.2", "NAS-Identifier=gate Acct-Status-Type=Accounting-On User-Name=alice")
			left := open()
			if len(left) != began-1 || strings.Count(strings.Join(left, ","), "theirs") != 3 {
				t.Errorf("after the NAS of one client began anew: %v", left)
			}
			tell("mine", "192.0.2.1", "Acct-Status-Type=Accounting-Off")
			left = open()
			if len(left) != began-2 || strings.Count(strings.Join(left, ","), "theirs") != 3 {
				t.Errorf("after a device without a name ended: %v", left)
			}
		})
	}
}

// asked notes by what a device was asked to end a session.
type asked struct{ by aaa.Values }

func (a *asked) Disconnect(_ context.Context, _ aaa.SessionDevice, by aaa.Values) (aaa.Disconnected, error) {
	a.by = by
	return aaa.Disconnected{Acknowledged: true}, nil
}

// TestDisconnectByOctets: a device is asked by the octets that it sent, as it knows the session by no others. All else of its records is not
// kept: many would make a session too long.
func TestDisconnectByOctets(t *testing.T) {
	t.Parallel()
	devices := &asked{}
	f := newFixture(t, func(o *Options) { o.Devices = devices })
	f.put("customer", with(doc("on"), `"track_sessions":true`))
	tell := func(kind string, more ...aaa.AVP) {
		t.Helper()
		avps := avpsOf(t, "NAS-IP-Address=192.0.2.7", "User-Name=x", "Acct-Session-Id=x", "Acct-Status-Type="+kind)
		avps[1].Value, avps[2].Value = []byte("m\xfcller"), []byte("0x1A")
		_, err := f.gateway.Handle(f.ctx, f.device(aaa.ClientRADIUS, aaa.Accounting, append(avps, more...)))
		f.must(err)
	}
	tell("Start")
	for i := range 40 {
		long := aaa.AVP{Attr: &aaa.Attribute{Name: "Attr-" + strconv.Itoa(200+i), Number: 200, Type: aaa.TypeString}, Value: bytes.Repeat([]byte{'x'}, 4000)}
		tell("Interim-Update", long)
	}
	list, _, err := f.gateway.Sessions(f.ctx, f.ids["customer"], aaa.SessionFilter{}, store.Page{})
	f.must(err)
	if len(list) != 1 || list[0].User != "müller" {
		t.Fatalf("%+v", list)
	}
	_, err = f.gateway.CloseSessionByID(f.ctx, f.ids["customer"], list[0].ID, "", aaa.Usage{}, nil)
	f.must(err)
	got := map[string]string{}
	for name, v := range devices.by {
		got[name] = aaa.NameOctets(aaa.ValueText(v))
	}
	want := map[string]string{"NAS-IP-Address": "192.0.2.7", "User-Name": "m\xfcller", "Acct-Session-Id": "0x1A"}
	if !maps.Equal(got, want) {
		t.Errorf("asked by %.300q, want %q", got, want)
	}
}
