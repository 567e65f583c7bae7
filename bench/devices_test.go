package main

import (
	"net"
	"strings"
	"testing"

	"aaa-api/internal/radius"
)

// TestDeviceLoad: each login is accepted by who has the secret. A reply under another one is bad, and so is a lost one.
func TestDeviceLoad(t *testing.T) {
	t.Parallel()
	serve := func(secret string) string {
		conn, err := listenResponder(false)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		go func() { _ = serveResponder(conn, radius.NewKey([]byte(secret))) }()
		return conn.LocalAddr().String()
	}
	run := func(l deviceLoad) deviceTally {
		t.Helper()
		got, err := l.run()
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	good := serve(deviceSecret)
	for name, l := range map[string]deviceLoad{
		"new ones": {Sockets: 2, InFlight: 100},
		"again":    {Sockets: 2, InFlight: 100, Again: true},
		"a rate":   {Sockets: 2, InFlight: 100, Rate: 1000},
		"pauses":   {Sockets: 1, InFlight: 1, Pause: 0.001},
	} {
		l.Address, l.Seconds, l.From = good, 0.1, "127.0.0.2"
		if got := run(l); got.Requests < 5 || got.Bad > 0 || got.P99 < got.P50 || got.rate() <= 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	other := deviceLoad{Address: serve("another secret"), Seconds: 0.05, Sockets: 1, InFlight: 4}
	if got := run(other); got.Bad == 0 || got.Bad != got.Requests {
		t.Errorf("another secret: %+v", got)
	}
	silent, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	lost := deviceLoad{Address: silent.LocalAddr().String(), Seconds: 0.01, Sockets: 1, InFlight: 4, Rate: 1000}
	if got := run(lost); got.Bad == 0 || got.Bad != got.Requests || !strings.Contains(got.FirstBad, "no reply") {
		t.Errorf("silence: %+v", got)
	}
}
