package main

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
)

// The vendor number that RFC 5612 sets aside for examples, and what the demo's RADIUS server uses of it.
const (
	demoVendor   = 32473
	demoGreeting = 1 // text
	demoTicket   = 2 // integer
)

// demoSecret is shared with the demo's RADIUS server, which only listens on loopback.
const demoSecret = "demo-shared-secret"

// demoServer is a small RADIUS server with three users, to try the service with:
// alice is accepted, carol asked for a code, everybody else rejected.
type demoServer struct {
	conn   net.PacketConn
	server *radius.PacketServer
	done   chan error
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
	s := &demoServer{conn: conn, done: make(chan error, 1)}
	s.server = &radius.PacketServer{
		SecretSource: radius.StaticSecretSource([]byte(demoSecret)),
		Handler:      radius.HandlerFunc(demoAnswer),
		ErrorLog:     slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	go func() { s.done <- s.server.Serve(conn) }()
	return s, nil
}

// Port is the UDP port listened on.
func (s *demoServer) Port() int { return s.conn.LocalAddr().(*net.UDPAddr).Port }

// Close stops the server.
func (s *demoServer) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.server.Shutdown(ctx)
	if serr := <-s.done; !errors.Is(serr, radius.ErrServerShutdown) {
		err = errors.Join(err, serr)
	}
	return err
}

// demoAnswer answers every kind of request.
func demoAnswer(w radius.ResponseWriter, r *radius.Request) {
	var answer *radius.Packet
	switch r.Code {
	case radius.CodeAccountingRequest:
		answer = r.Response(radius.CodeAccountingResponse)
	case radius.CodeStatusServer: // RFC 5997 §3
		answer = r.Response(radius.CodeAccessAccept)
	case radius.CodeAccessRequest:
		answer = demoAuthn(r)
	default:
		return // RFC 2865 §3: a code that is not known is discarded
	}
	if err := sign(answer); err != nil {
		return
	}
	_ = w.Write(answer) // the client asks again
}

// demoAuthn decides an Access-Request.
func demoAuthn(r *radius.Request) *radius.Packet {
	user, password := rfc2865.UserName_GetString(r.Packet), rfc2865.UserPassword_GetString(r.Packet)
	switch {
	case user == "alice" && password == "wonderland":
		return demoAccept(r, user)
	case user == "carol" && password == "looking-glass":
		a := r.Response(radius.CodeAccessChallenge)
		_ = rfc2865.ReplyMessage_AddString(a, "Enter the code (it is 424242)")
		_ = rfc2865.State_AddString(a, "demo-carol")
		return a
	case user == "carol" && password == "424242" && rfc2865.State_GetString(r.Packet) == "demo-carol":
		return demoAccept(r, user)
	}
	a := r.Response(radius.CodeAccessReject)
	_ = rfc2865.ReplyMessage_AddString(a, "Unknown user or wrong password")
	return a
}

// demoAccept is an Access-Accept with some standard attributes and two of the vendor's.
func demoAccept(r *radius.Request, user string) *radius.Packet {
	a := r.Response(radius.CodeAccessAccept)
	_ = rfc2865.ReplyMessage_AddString(a, "Welcome, "+user)
	_ = rfc2865.SessionTimeout_Add(a, 3600)
	_ = rfc2865.FramedIPAddress_Add(a, net.IPv4(192, 0, 2, 10))
	_ = rfc2865.Class_AddString(a, "gold")
	greeting := "Down the rabbit hole, " + user
	for _, sub := range [][]byte{
		append([]byte{demoGreeting, byte(2 + len(greeting))}, greeting...),
		{demoTicket, 6, 0, 0, 0, 7},
	} {
		if vsa, err := radius.NewVendorSpecific(demoVendor, sub); err == nil {
			a.Add(rfc2865.VendorSpecific_Type, vsa)
		}
	}
	return a
}

// sign puts a Message-Authenticator in front of the attributes (RFC 3579 §3.2, first as
// BlastRADIUS taught): HMAC-MD5 of the answer with the request's authenticator in it.
func sign(p *radius.Packet) error {
	value := make(radius.Attribute, md5.Size)
	p.Attributes = append(radius.Attributes{{Type: rfc2869.MessageAuthenticator_Type, Attribute: value}}, p.Attributes...)
	b, err := p.MarshalBinary() // the request's authenticator is still in place
	if err != nil {
		return err
	}
	mac := hmac.New(md5.New, p.Secret)
	mac.Write(b)
	copy(value, mac.Sum(nil))
	return nil
}
