package radius

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/radius/avp/avptest"
)

// TestAdded: what the engine puts into a packet of its own is told, and what the caller brings is not.
func TestAdded(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	chap := d.AVP("CHAP-Password", "hush")
	chap.Clear = true
	for name, c := range map[string]struct {
		op   aaa.Op
		avps []aaa.AVP
		want []string
	}{
		"a login":          {aaa.Authn, nil, []string{"Message-Authenticator=", "NAS-IP-Address=192.0.2.1", "NAS-Port=7"}},
		"one by CHAP":      {aaa.Authn, []aaa.AVP{chap}, []string{"Message-Authenticator=", "CHAP-Challenge=", "NAS-IP-Address=192.0.2.1", "NAS-Port=7"}},
		"with its own":     {aaa.Authn, []aaa.AVP{d.AVP("NAS-IP-Address", "1234"), d.AVP("NAS-Port", "1234")}, []string{"Message-Authenticator="}},
		"a record":         {aaa.Accounting, []aaa.AVP{d.AVP("Acct-Session-Time", "1234")}, []string{"NAS-IP-Address=192.0.2.1", "NAS-Port=7", "Acct-Status-Type=Stop", "Acct-Session-Id=s1", "Event-Timestamp=2026-01-02T03:04:05Z", "Acct-Delay-Time="}},
		"one with its own": {aaa.Accounting, []aaa.AVP{d.AVP("Acct-Status-Type", "1234"), d.AVP("Acct-Session-Id", "x"), d.AVP("Event-Timestamp", "1234"), d.AVP("Acct-Delay-Time", "1234")}, []string{"NAS-IP-Address=192.0.2.1", "NAS-Port=7"}},
	} {
		var got []string
		_, client := scripted(t, 0, 0, nil)
		_, err := client.Encode(&engines.Request{
			Op: c.op, Dict: d, AVPs: c.avps, NASAddress: netip.MustParseAddr("192.0.2.1"), NASPort: 7, HasNASPort: true,
			Begun: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), SessionID: "s1",
			Added: func(attribute, value string) { got = append(got, attribute+"="+value) },
		})
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}
