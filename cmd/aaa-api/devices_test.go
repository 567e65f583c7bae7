package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// deviceAddresses are where a process listens to devices, by the name of the listener, as its last start says.
func (p *process) deviceAddresses() map[string]string {
	at := map[string]string{}
	for line := range strings.Lines(p.log()) {
		var entry struct {
			Msg     string
			Devices []deviceAddress
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "serving" {
			for _, d := range entry.Devices {
				at[d.Listener] = d.Address
			}
		}
	}
	return at
}

// packetsOf is how many packets of a listener had a fate.
func packetsOf(t *testing.T, p *process, listener, fate string) float64 {
	t.Helper()
	m := call(t, "", "GET", p.url+"/metrics", "").want(t, http.StatusOK).Body
	return metric(t, m, fmt.Sprintf(`aaa_api_device_packets_total{fate=%q,listener=%q}`, fate, listener))
}

// sendTo sends an Access-Request without attributes.
func sendTo(t *testing.T, address string, id byte) {
	t.Helper()
	c, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // a datagram
	if _, err := c.Write(append([]byte{1, id, 0, 20}, make([]byte, 16)...)); err != nil {
		t.Fatal(err)
	}
}

// TestDeviceListeners: packets reach the security module in one process and in several, also once fronts and the program are others.
func TestDeviceListeners(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--isolation=none"}, {"--fronts=2"}} {
		t.Run(args[0], func(t *testing.T) {
			t.Parallel()
			dir := migratedDir(t)
			p := start(t, dir, nil, append(args, "--radius-auth=127.0.0.1:0", "--radius-acct=[::1]:0")...)
			at := p.deviceAddresses()
			if len(at) != 2 {
				t.Fatalf("%v", at)
			}
			asked := func(what string, n float64) {
				t.Helper()
				eventually(t, what, func() bool { // by a server, or to the word that there is none
					asked := 0.0
					for _, fate := range []string{"failed", "unknown"} {
						asked += packetsOf(t, p, "radius-auth", fate)
					}
					return asked >= n
				})
			}
			sendTo(t, at["radius-auth"], 1)
			sendTo(t, at["radius-acct"], 1) // of the wrong port
			asked("the packet is asked about", 1)
			eventually(t, "the other is dropped", func() bool { return packetsOf(t, p, "radius-acct", "malformed") == 1 })

			if args[0] == "--isolation=none" {
				p.stop()
				return
			}
			before := p.children()["front"]
			for _, pid := range before {
				kill(t, pid)
			}
			eventually(t, "there are other fronts", func() bool {
				now := p.children()["front"]
				return len(now) == 2 && !slices.Contains(now, before[0]) && !slices.Contains(now, before[1])
			})
			had := packetsOf(t, p, "radius-auth", "failed") + packetsOf(t, p, "radius-auth", "unknown")
			sendTo(t, at["radius-auth"], 2)
			asked("the packet reaches a new front", had+1)

			if err := p.cmd.Process.Signal(syscall.SIGUSR2); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the upgrade begins", func() bool { return strings.Contains(p.log(), `"msg":"upgrade: `) })
			sendTo(t, at["radius-auth"], 3) // it waits in the socket, or is asked about before
			eventually(t, "the program is another", func() bool { return strings.Count(p.log(), `"msg":"serving"`) == 2 })
			if now := p.deviceAddresses(); now["radius-auth"] != at["radius-auth"] || now["radius-acct"] != at["radius-acct"] {
				t.Errorf("the addresses are %v, and were %v", now, at)
			}
			sendTo(t, at["radius-auth"], 4)
			asked("packets reach the next program", 1)
			p.stop()
		})
	}
}
