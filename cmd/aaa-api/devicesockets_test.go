package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"aaa-api/internal/config"
	"aaa-api/internal/egress"
	"aaa-api/internal/ingress"
)

// readOne is the next datagram of a socket, or an error where none comes at once.
func readOne(c *net.UDPConn, wait time.Duration) (string, error) {
	_ = c.SetReadDeadline(time.Now().Add(wait))
	b := make([]byte, 100)
	n, err := c.Read(b)
	return string(b[:n]), err
}

// TestFrontsShareAnAddress: a source reaches the same front each time, and another node does not get a part of the packets.
func TestFrontsShareAnAddress(t *testing.T) {
	t.Parallel()
	const fronts = 3
	all, err := listenPackets(t.Context(), "radius-auth", "127.0.0.1:0", fronts)
	if err != nil || len(all) != fronts {
		t.Fatal(all, err)
	}
	at := all[0].LocalAddr().(*net.UDPAddr) //nolint:forcetypeassert // the network's
	reached := map[int]bool{}
	for range 40 {
		c, err := net.DialUDP("udp", nil, at)
		if err != nil {
			t.Fatal(err)
		}
		var own *net.UDPConn
		for i := range 4 {
			fmt.Fprint(c, c.LocalAddr(), i) //nolint:errcheck // what is read tells
			for n, s := range all {
				if own != nil && s != own {
					continue
				}
				if _, err := readOne(s, map[bool]time.Duration{true: 10 * time.Second, false: time.Millisecond}[own != nil || n == fronts-1]); err == nil {
					own, reached[n] = s, true
					break
				}
			}
		}
		c.Close() //nolint:errcheck,gosec // nothing is left in it
	}
	if len(reached) < 2 {
		t.Errorf("all sources reach the fronts %v", reached)
	}
	for _, sockets := range []int{1, fronts} {
		if _, err := listenPackets(t.Context(), "radius-auth", at.String(), sockets); !errors.Is(err, syscall.EADDRINUSE) || err.Error()[:14] != "--radius-auth:" {
			t.Errorf("another node with %d fronts: %v", sockets, err)
		}
	}
	for _, c := range all {
		c.Close() //nolint:errcheck,gosec // nothing was written
	}
}

// TestDeviceSocketsAreHandedOn: to fronts, and to the program that takes the place of this one, with what waits in them.
func TestDeviceSocketsAreHandedOn(t *testing.T) {
	t.Parallel()
	cfg := &config.Config{RADIUSAuth: "127.0.0.1:0", RADIUSAcct: "127.0.0.1:0", TACACS: "127.0.0.1:0"}
	s, err := listenToDevices(t.Context(), cfg, 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	at := s.endpoints()
	if back := deviceEndpointsOf(at.texts()); len(at) != 3 || len(back) != 3 || back[2].addr.String() != at[2].addr.String() || back[2].listener != "tacacs" {
		t.Errorf("%v %v", at, back)
	}
	own := egress.Listening(endpoints{api: s.streams[ingress.TACACS].Addr(), devices: deviceEndpointsOf(at.texts())}.list()...)
	for _, e := range at { // no document may name one as its server
		if !own(netip.MustParseAddrPort(e.addr.String())) {
			t.Errorf("%s is not the service's own", e.listener)
		}
	}
	c, err := net.Dial("udp", at[0].addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()       //nolint:errcheck // nothing is left in it
	fmt.Fprint(c, "wait") //nolint:errcheck // what is read tells
	files, err := s.files()
	if err != nil || len(files) != 5 {
		t.Fatal(files, err)
	}
	held := map[string][]*os.File{}
	for _, f := range files {
		held[f.listener.String()] = append(held[f.listener.String()], f.File)
	}
	for front := range 2 {
		names, own := filesOfFront(files, front)
		if len(names) != 3 || len(own) != 3 {
			t.Errorf("front %d: %v", front, names)
		}
		of, err := deviceSocketsOf(names, own)
		if err != nil || of.endpoints()[0].addr.String() != at[0].addr.String() || of.streams[ingress.TACACS] == nil {
			t.Error(of, err)
		}
		if err := of.Close(); err != nil { // the front ends
			t.Error(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	cfg.RADIUSTLS = "127.0.0.1:0" // a listener that the program before did not have
	next, err := listenToDevices(t.Context(), cfg, 2, held)
	if err != nil || len(next.endpoints()) != 4 || next.endpoints()[0].addr.String() != at[0].addr.String() {
		t.Fatal(next.endpoints(), err)
	}
	one, err := readOne(next.packets[ingress.RADIUSAuth][0], time.Second)
	if err != nil {
		one, err = readOne(next.packets[ingress.RADIUSAuth][1], 10*time.Second)
	}
	if err != nil || one != "wait" {
		t.Errorf("%q %v", one, err)
	}
	if err := next.Close(); err != nil {
		t.Error(err)
	}
}

// Not parallel: the variable is the process's.
func TestHeldSockets(t *testing.T) {
	open := func() string {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		w.Close()                       //nolint:errcheck,gosec // one end is enough
		t.Cleanup(func() { r.Close() }) //nolint:errcheck // the test is over
		fd, err := syscall.Dup(int(r.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		return strconv.Itoa(fd)
	}
	t.Setenv(heldVariable, fmt.Sprintf("%d:%s,%s,radius-auth.0=%s,radius-auth.1=%s,tacacs.0=%s", os.Getpid(), open(), open(), open(), open(), open()))
	held := heldSockets()
	if len(held.http) != 2 || len(held.devices["radius-auth"]) != 2 || len(held.devices["tacacs"]) != 1 {
		t.Errorf("%+v", held)
	}
	for _, text := range []string{"1:3", "x", fmt.Sprintf("%d:1", os.Getpid()), fmt.Sprintf("%d:tacacs.0=x", os.Getpid())} {
		t.Setenv(heldVariable, text)
		if held := heldSockets(); len(held.http) != 0 || len(held.devices) != 0 {
			t.Errorf("%q: %+v", text, held)
		}
	}
}
