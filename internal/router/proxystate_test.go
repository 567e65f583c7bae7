package router_test

import (
	"net/netip"
	"testing"
	"time"

	"aaa-api/internal/aaa"
)

// TestProxyState: the requests of devices go out with the mark of the service, and those of the API's callers without.
func TestProxyState(t *testing.T) {
	t.Parallel()
	for _, op := range []aaa.Op{aaa.Authn, aaa.Authz, aaa.Accounting} {
		for want, device := range map[string]*aaa.Device{"": nil, "the mark": {From: netip.MustParseAddr("192.0.2.7")}} {
			l := newLab(t, 10*time.Second, "a")
			l.servers["a"].outcome = aaa.Accept
			if _, err := l.ask(t.Context(), &aaa.Request{Op: op, Device: device}); err != nil {
				t.Fatal(err)
			}
			l.quiet()
			if all := l.servers["a"].requests(); len(all) != 1 || string(all[0].ProxyState) != want {
				t.Errorf("%v: %+v, want %q", op, all, want)
			}
		}
	}
}
