// Package coa asks network devices to end sessions: the client of Disconnect-Requests (RFC 5176).
package coa

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/backoff"
	"aaa-api/internal/radius"
)

// DefaultPort is where devices listen (RFC 5176 §2.1).
const DefaultPort = 3799

// How often a request is sent, and how long each waits for its answer. A device that ends a session asks nobody, so it answers soon.
const (
	attempts = 3
	wait     = 2 * time.Second
)

// Target is a device.
type Target struct {
	Address netip.AddrPort
	Secret  aaa.Secret
}

// Session is by what a device knows a session (RFC 5176 §3): what of it is empty is not sent, since all that is sent must fit. The user's address is
// not among it, as hostapd refuses a request that has an attribute which it does not compare.
type Session struct {
	NASIdentifier    string
	NASAddress       netip.Addr
	User             string
	AcctSessionID    string
	CallingStationID string
}

// errTooLong is a session that no packet can name.
var errTooLong = errors.New("a value of the session is longer than 253 octets")

// Disconnect sends a Disconnect-Request, up to three times in six seconds, and returns the device's answer. An error is that there is none.
func Disconnect(ctx context.Context, to Target, s *Session) (aaa.Disconnected, error) {
	request, err := newRequest(to.Secret, s, time.Now())
	if err != nil {
		return aaa.Disconnected{}, err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "udp", to.Address.String())
	if err != nil {
		return aaa.Disconnected{}, err
	}
	defer conn.Close() //nolint:errcheck // nothing is in it
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	for range attempts {
		if _, err = conn.Write(request.packet); err != nil && !refused(err) {
			return aaa.Disconnected{}, err
		}
		if err := conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
			return aaa.Disconnected{}, err
		}
		answer, err := request.await(conn)
		switch {
		case err == nil:
			return answer, nil
		case ctx.Err() != nil || refused(err) && backoff.Sleep(ctx, wait/4) != nil:
			return aaa.Disconnected{}, ctx.Err()
		}
	}
	return aaa.Disconnected{}, fmt.Errorf("the device %s gives no answer to a Disconnect-Request", to.Address)
}

// refused is an ICMP message that nobody listens: a device that starts anew listens a moment later.
func refused(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}

// request is a packet on its way.
type request struct {
	packet []byte
	key    *radius.Key
	auth   radius.Authenticator
}

// newRequest makes the packet. The time in it keeps a device from taking a copy of it later (RFC 5176 §6.3).
func newRequest(secret aaa.Secret, s *Session, now time.Time) (*request, error) {
	var id [1]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, err
	}
	r := &request{key: radius.NewKey([]byte(secret.Reveal()))}
	b := radius.AppendMAC(radius.AppendHeader(nil, radius.DisconnectRequest, id[0], &radius.Authenticator{}))
	for _, a := range []struct {
		number byte
		value  []byte
	}{
		{radius.AttrNASIdentifier, []byte(s.NASIdentifier)},
		{addressAttribute(s.NASAddress), s.NASAddress.AsSlice()},
		{radius.AttrUserName, []byte(s.User)},
		{radius.AttrCallingStationID, []byte(s.CallingStationID)},
		{radius.AttrAcctSessionID, []byte(s.AcctSessionID)},
		{radius.AttrEventTimestamp, binary.BigEndian.AppendUint32(nil, uint32(now.Unix()))}, //nolint:gosec // until 2106
	} {
		switch {
		case len(a.value) > radius.MaxValue:
			return nil, errTooLong
		case len(a.value) > 0:
			b = radius.AppendAttribute(b, a.number, a.value...)
		}
	}
	r.key.SignRequest(b)
	r.packet, r.auth = b, radius.Authenticator(b[4:])
	return r, nil
}

func addressAttribute(a netip.Addr) byte {
	if a.Is4() {
		return radius.AttrNASIPAddress
	}
	return radius.AttrNASIPv6Address
}

// await reads until the answer comes or the connection's deadline. What is not the answer is dropped.
func (r *request) await(conn net.Conn) (aaa.Disconnected, error) {
	buf := make([]byte, radius.MaxPacket+1)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return aaa.Disconnected{}, err
		}
		reply, err := radius.Parse(buf[:n])
		if err != nil || reply.Identifier() != r.packet[1] {
			continue
		}
		if _, err := r.key.VerifyReply(reply, radius.DisconnectRequest, &r.auth, false); err != nil {
			continue
		}
		d := aaa.Disconnected{Acknowledged: reply.Code() == radius.DisconnectACK}
		if cause, ok := reply.Value(radius.AttrErrorCause); ok && len(cause) == 4 {
			d.ErrorCause = binary.BigEndian.Uint32(cause)
		}
		return d, nil
	}
}
