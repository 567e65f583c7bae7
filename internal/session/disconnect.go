package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/claims"
)

// errNoDevices is the error of a session whose device can't be asked, as no device can.
var errNoDevices = aaa.Errorf(aaa.KindConflict, "a network device keeps the session, and this node asks none")

// askDevice asks the device that keeps a session to end it.
func (m *Manager) askDevice(ctx context.Context, s *session) (aaa.Disconnected, error) {
	if m.devices == nil {
		return aaa.Disconnected{}, errNoDevices
	}
	return m.devices.Disconnect(ctx, s.Device.SessionDevice, s.private.Keys)
}

// disconnect ends a session that a device keeps, for an administrator.
func (m *Manager) disconnect(ctx context.Context, s *session, cause string) (*aaa.SessionAnswer, error) {
	said, err := m.askDevice(ctx, s)
	if err != nil {
		return nil, err
	}
	if !said.Over() {
		return nil, aaa.Errorf(aaa.KindConflict, "the device does not end the session: %s", nakText(said))
	}
	after, err := m.change(ctx, m.again(ctx, s), func(s *session) error {
		if !s.place().accounted() {
			return errOver
		}
		m.end(s, cause, m.now())
		return nil
	})
	if errors.Is(err, errOver) { // the device's Stop was faster
		after, err = m.again(ctx, s)()
	}
	if err != nil {
		return nil, err
	}
	a := m.answer(after, aaa.SessionClosed)
	a.Disconnected = &said
	return a, nil
}

func nakText(said aaa.Disconnected) string {
	if said.ErrorCause == 0 {
		return "it answered with a Disconnect-NAK without a reason"
	}
	return fmt.Sprintf("it answered with a Disconnect-NAK and Error-Cause %d", said.ErrorCause)
}

// A device that does not end a session whose time is over is asked again, ever more rarely.
const (
	firstAgain = time.Minute
	mostAgain  = time.Hour
)

// timeOut asks the device of a claimed session whose time is over to end it.
func (m *Manager) timeOut(ctx context.Context, s *session) (claims.Outcome, error) {
	claim := s.rec.Lease
	said, err := m.askDevice(ctx, s)
	over := err == nil && said.Over()
	o := claims.Delivered
	if err != nil {
		o = claims.Undelivered
	}
	_, serr := m.change(ctx, m.again(ctx, s), func(s *session) error {
		if !s.place().accounted() || s.Device == nil {
			return errOver
		}
		if over {
			m.end(s, causeTimeout, m.now())
			return nil
		}
		s.Device.Next = m.now().Add(min(firstAgain<<min(s.Device.Asked, 10), mostAgain))
		s.Device.Asked++
		if claim.Is(s.rec.Lease) {
			s.rec.Lease.End()
		}
		return nil
	})
	switch {
	case serr != nil:
		return o, ignoreOver(serr)
	case over:
		m.metrics.count(countExpired)
		m.log.InfoContext(ctx, "a session's time is over, and its device ended it", "account", s.rec.Account, "session", s.rec.ID, "client", s.Device.Client)
	case err != nil:
		m.log.WarnContext(ctx, "a session's time is over, and its device can't be asked to end it", "account", s.rec.Account, "session", s.rec.ID, "client", s.Device.Client, "error", err)
	default:
		m.log.WarnContext(ctx, "a session's time is over, and its device does not end it", "account", s.rec.Account, "session", s.rec.ID, "client", s.Device.Client, "said", nakText(said))
	}
	return o, nil
}
