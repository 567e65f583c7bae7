package coa

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/radius"
)

// device is a NAS that answers Disconnect-Requests by script: one function a packet, and the last one for all further ones.
func device(t *testing.T, script ...func(radius.Packet) []byte) (at netip.AddrPort, got func() []radius.Packet) {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	packets := make(chan radius.Packet, 16)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, radius.MaxPacket)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			p, err := radius.Parse(buf[:n])
			if err != nil {
				t.Errorf("what came does not parse: %v", err)
				continue
			}
			packets <- p.Clone()
			f := script[0]
			if len(script) > 1 {
				script = script[1:]
			}
			if answer := f(p); answer != nil {
				_, _ = conn.WriteToUDPAddrPort(answer, from)
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return conn.LocalAddr().(*net.UDPAddr).AddrPort(), func() (list []radius.Packet) {
		for {
			select {
			case p := <-packets:
				list = append(list, p)
			default:
				return list
			}
		}
	}
}

// says answers with a code, under a secret, with an Error-Cause if it is not 0.
func says(code radius.Code, secret string, cause uint32) func(radius.Packet) []byte {
	return func(p radius.Packet) []byte {
		auth := p.Authenticator()
		b := radius.AppendHeader(nil, code, p.Identifier(), &auth)
		if cause != 0 {
			b = radius.AppendAttribute(b, radius.AttrErrorCause, binary.BigEndian.AppendUint32(nil, cause)...)
		}
		radius.NewKey([]byte(secret)).SignReply(b, &auth)
		return b
	}
}

func silent(radius.Packet) []byte { return nil }

var alice = Session{NASAddress: netip.MustParseAddr("192.0.2.1"), User: "alice", AcctSessionID: "s1", CallingStationID: "02-00-00-00-00-01"}

// What a device is sent names the session, is signed, and has a time.
func TestDisconnect(t *testing.T) {
	t.Parallel()
	at, got := device(t, says(radius.DisconnectACK, "testing123", 0))
	said, err := Disconnect(t.Context(), Target{at, aaa.NewSecret("testing123")}, &alice)
	if err != nil || !said.Acknowledged || !said.Over() {
		t.Fatalf("%+v, %v", said, err)
	}
	p := got()[0]
	if signed, err := radius.NewKey([]byte("testing123")).VerifyRequest(p, true); err != nil || !signed {
		t.Errorf("signed: %v, %v", signed, err)
	}
	for number, want := range map[byte]string{
		radius.AttrNASIPAddress: "\xc0\x00\x02\x01", radius.AttrUserName: "alice", radius.AttrAcctSessionID: "s1",
		radius.AttrCallingStationID: "02-00-00-00-00-01",
	} {
		if v, _ := p.Value(number); string(v) != want {
			t.Errorf("attribute %d is %q, want %q", number, v, want)
		}
	}
	v, ok := p.Value(radius.AttrEventTimestamp)
	if sent := time.Unix(int64(binary.BigEndian.Uint32(append(v, 0, 0, 0, 0))), 0); !ok || time.Since(sent).Abs() > time.Minute {
		t.Errorf("Event-Timestamp %v", v)
	}
	for number, v := range p.Attributes() {
		if len(v) == 0 {
			t.Errorf("attribute %d is empty", number)
		}
	}
}

// The same packet is sent again until an answer comes that verifies. A forged one does not count.
func TestDisconnectAgain(t *testing.T) {
	t.Parallel()
	at, got := device(t, silent, says(radius.DisconnectACK, "another secret", 0), says(radius.DisconnectNAK, "testing123", 503))
	said, err := Disconnect(t.Context(), Target{at, aaa.NewSecret("testing123")}, &alice)
	if err != nil || said.Acknowledged || said.ErrorCause != 503 || !said.Over() {
		t.Fatalf("%+v, %v", said, err)
	}
	list := got()
	if len(list) != 3 || !slices.EqualFunc(list[1:], list[:2], func(a, b radius.Packet) bool { return string(a.Octets()) == string(b.Octets()) }) {
		t.Errorf("%d packets, or not the same", len(list))
	}
}

// A refusal leaves the session to the device.
func TestDisconnectRefused(t *testing.T) {
	t.Parallel()
	at, _ := device(t, says(radius.DisconnectNAK, "testing123", 404))
	if said, err := Disconnect(t.Context(), Target{at, aaa.NewSecret("testing123")}, &alice); err != nil || said.Over() {
		t.Errorf("%+v, %v", said, err)
	}
}

// Whoever waits can leave, and a silent device is an error.
func TestDisconnectWithoutAnswer(t *testing.T) {
	t.Parallel()
	at, got := device(t, silent)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := Disconnect(ctx, Target{at, aaa.NewSecret("x")}, &alice); err == nil {
		t.Error("no error")
	}
	if n := len(got()); n != 1 {
		t.Errorf("%d packets", n)
	}
	if _, err := Disconnect(t.Context(), Target{at, aaa.NewSecret("x")}, &Session{User: string(make([]byte, 254))}); err == nil {
		t.Error("a value that fits no attribute was cut")
	}
	if n := len(got()); n != 0 {
		t.Errorf("%d packets", n)
	}
}
