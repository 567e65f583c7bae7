package coa

import (
	"cmp"
	"context"
	"net/netip"

	"aaa-api/internal/aaa"
	"aaa-api/internal/clients"
)

// Clients finds the documents of devices: clients.Registry.
type Clients interface {
	Find(account aaa.AccountID, name string) *clients.Client
	Secret(ctx context.Context, c *clients.Client) (clients.Secrets, error)
}

// Sender asks the devices of AAA sessions: it is a session.Devices.
type Sender struct{ Clients Clients }

// Disconnect implements session.Devices. values are those of the session's accounting, by the names of attributes.
func (s Sender) Disconnect(ctx context.Context, device aaa.SessionDevice, values aaa.Values) (aaa.Disconnected, error) {
	c := s.Clients.Find(device.Owner, device.Client)
	switch {
	case c == nil:
		return aaa.Disconnected{}, aaa.Errorf(aaa.KindConflict, "the client document %s of the session's device is gone, so the device can't be asked to end the session", device.Client)
	case !c.Document.CoA.Enabled:
		return aaa.Disconnected{}, aaa.Errorf(aaa.KindConflict, "the session's device can't be asked to end the session: its client document %s has no coa with enabled true", device.Client)
	}
	addr, err := netip.ParseAddr(cmp.Or(c.Document.CoA.Address, device.Address))
	if err != nil {
		return aaa.Disconnected{}, aaa.Errorf(aaa.KindConflict, "the address of the session's device is not known: set coa.address in its client document %s", device.Client)
	}
	secrets, err := s.Clients.Secret(ctx, c)
	if err != nil {
		return aaa.Disconnected{}, err
	}
	if secrets.CoA.IsZero() {
		return aaa.Disconnected{}, aaa.Errorf(aaa.KindConflict, "the client document %s of the session's device has neither coa.secret nor secret", device.Client)
	}
	port := cmp.Or(c.Document.CoA.Port, DefaultPort)
	said, err := Disconnect(ctx, Target{netip.AddrPortFrom(addr, uint16(port)), secrets.CoA}, sessionOf(values)) //nolint:gosec // the schema bounds it
	if err != nil {
		return said, &aaa.Error{Kind: aaa.KindNoAnswer, Message: "the session's device gives no answer to a Disconnect-Request", Err: err}
	}
	return said, nil
}

// sessionOf takes what names a session out of its accounting.
func sessionOf(values aaa.Values) *Session {
	text := func(name string) string { return aaa.ValueText(values[name]) }
	s := &Session{
		NASIdentifier: text("NAS-Identifier"), User: text("User-Name"),
		AcctSessionID: text("Acct-Session-Id"), CallingStationID: text("Calling-Station-Id"),
	}
	if a, err := netip.ParseAddr(cmp.Or(text("NAS-IP-Address"), text("NAS-IPv6-Address"))); err == nil {
		s.NASAddress = a
	}
	return s
}
