package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"

	"aaa-api/internal/radius"
)

// The vendor number that RFC 5612 sets aside for examples, and what the demo's RADIUS server uses of it.
const (
	demoVendor   = 32473
	demoGreeting = 1 // text
	demoTicket   = 2 // integer
)

// demoSecret is shared with the demo's RADIUS server, which only listens on loopback.
const demoSecret = "demo-shared-secret"

// demoKey is the same secret as the codec has it.
var demoKey = radius.NewKey([]byte(demoSecret))

// demoServer is a small RADIUS server with two users, to try the service with: alice is accepted, carol is asked for a code,
// and everyone else is rejected.
type demoServer struct {
	conn net.PacketConn
	log  *slog.Logger
	done chan error
}

// startDemoServer listens on a loopback port: the one wanted if it is free, else any.
func startDemoServer(ctx context.Context, wanted int, log *slog.Logger) (*demoServer, error) {
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(ctx, "udp", net.JoinHostPort("127.0.0.1", strconv.Itoa(wanted)))
	if err != nil {
		conn, err = lc.ListenPacket(ctx, "udp", "127.0.0.1:0")
	}
	if err != nil {
		return nil, err
	}
	s := &demoServer{conn: conn, log: log, done: make(chan error, 1)}
	go func() { s.done <- s.serve() }()
	return s, nil
}

// Port is the UDP port listened on.
func (s *demoServer) Port() int { return s.conn.LocalAddr().(*net.UDPAddr).Port }

// Close stops the server.
func (s *demoServer) Close() error { return errors.Join(s.conn.Close(), <-s.done) }

// serve answers until the socket is closed. Answers take no time, so one follows the other.
func (s *demoServer) serve() error {
	buf := make([]byte, radius.MaxPacket+1)
	for {
		n, from, err := s.conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		answer, err := demoAnswer(buf[:n])
		if err != nil {
			s.log.Debug("the demo's RADIUS server drops a packet", "error", err)
			continue
		}
		_, _ = s.conn.WriteTo(answer, from) // the client asks again
	}
}

// demoAnswer answers every kind of request that the service sends. Errors are those of a packet to drop (RFC 2865 §3).
func demoAnswer(datagram []byte) ([]byte, error) {
	request, err := radius.Parse(datagram)
	if err != nil {
		return nil, err
	}
	if _, err := demoKey.VerifyRequest(request, false); err != nil {
		return nil, err
	}
	var answer []byte
	switch request.Code() {
	case radius.AccountingRequest:
		answer = demoReply(request, radius.AccountingResponse)
	case radius.StatusServer: // RFC 5997 §3
		answer = demoReply(request, radius.AccessAccept)
	case radius.AccessRequest:
		answer = demoAuthn(request)
	default:
		return nil, radius.ErrCode
	}
	auth := request.Authenticator()
	demoKey.SignReply(answer, &auth)
	return answer, nil
}

// demoReply begins a reply.
func demoReply(request radius.Packet, code radius.Code) []byte {
	auth := request.Authenticator()
	return radius.AppendMAC(radius.AppendHeader(nil, code, request.Identifier(), &auth))
}

// demoAuthn decides an Access-Request.
func demoAuthn(request radius.Packet) []byte {
	user, _ := request.Value(radius.AttrUserName)
	state, _ := request.Value(radius.AttrState)
	hidden, _ := request.Value(radius.AttrUserPassword)
	auth := request.Authenticator()
	cipher := radius.Cipher{Key: demoKey, Request: &auth}
	password, err := cipher.User(bytes.Clone(hidden), 0)
	if err != nil {
		password = nil
	}
	switch name := string(user); {
	case name == "alice" && string(password) == "wonderland",
		name == "carol" && string(password) == "424242" && string(state) == "demo-carol":
		return demoAccept(request, name)
	case name == "carol" && string(password) == "looking-glass":
		a := demoReply(request, radius.AccessChallenge)
		a = radius.AppendAttribute(a, radius.AttrReplyMessage, []byte("Enter the code (it is 424242)")...)
		return radius.AppendAttribute(a, radius.AttrState, []byte("demo-carol")...)
	}
	a := demoReply(request, radius.AccessReject)
	return radius.AppendAttribute(a, radius.AttrReplyMessage, []byte("Unknown user or wrong password")...)
}

// demoAccept is an Access-Accept with some standard attributes and two of the vendor's.
func demoAccept(request radius.Packet, user string) []byte {
	a := demoReply(request, radius.AccessAccept)
	a = radius.AppendAttribute(a, radius.AttrReplyMessage, []byte("Welcome, "+user)...)
	a = radius.AppendAttribute(a, radius.AttrSessionTimeout, 0, 0, 3600>>8, 3600&0xff)
	a = radius.AppendAttribute(a, radius.AttrFramedIPAddress, 192, 0, 2, 10)
	a = radius.AppendAttribute(a, radius.AttrClass, []byte("gold")...)
	a = radius.AppendVendor(a, demoVendor, demoGreeting, []byte("Down the rabbit hole, "+user)...)
	return radius.AppendVendor(a, demoVendor, demoTicket, 0, 0, 0, 7)
}
