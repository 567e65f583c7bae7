package coa

import (
	"cmp"
	"context"
	"net/netip"

	"aaa-api/internal/aaa"
	"aaa-api/internal/clients"
	"aaa-api/internal/egress"
)

// Clients finds the documents of devices: clients.Registry.
type Clients interface {
	Find(account aaa.AccountID, name string) *clients.Client
	Secret(ctx context.Context, c *clients.Client) (clients.Secrets, error)
}

// Networks says where packets of an account may go: plans.Cache.
type Networks interface {
	Reach(ctx context.Context, account aaa.AccountID) (*egress.Account, error)
}

// Sender asks the devices of AAA sessions: it is a session.Devices.
type Sender struct {
	Clients  Clients
	Networks Networks
}

// Disconnect implements session.Devices. values are of aaa.Device.SessionNames.
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
	at := netip.AddrPortFrom(addr, uint16(port)) //nolint:gosec // the schema bounds it
	if err := s.allowed(ctx, device, at); err != nil {
		return aaa.Disconnected{}, err
	}
	said, err := Disconnect(ctx, Target{at, secrets.CoA}, sessionOf(values))
	if err != nil {
		return said, &aaa.Error{Kind: aaa.KindNoAnswer, Message: "the session's device gives no answer to a Disconnect-Request", Err: err}
	}
	return said, nil
}

// allowed refuses an address that a document names and the account may not reach. Where the device's own packets come from is open: their secret
// was verified.
func (s Sender) allowed(ctx context.Context, device aaa.SessionDevice, at netip.AddrPort) error {
	if at.Addr().String() == device.Address {
		return nil
	}
	reach, err := s.Networks.Reach(ctx, device.Owner)
	if err != nil {
		return err
	}
	if err := reach.Check(at); err != nil {
		return &aaa.Error{Kind: aaa.KindConflict, Message: "coa.address of the client document " + device.Client + " is outside of what the account may reach: an account above opens it with server_networks", Err: err}
	}
	return nil
}

// sessionOf takes what names a session out of its accounting.
func sessionOf(values aaa.Values) *Session {
	text := func(name string) string { return aaa.NameOctets(aaa.ValueText(values[name])) }
	s := &Session{
		NASIdentifier: text("NAS-Identifier"), User: text("User-Name"),
		AcctSessionID: text("Acct-Session-Id"), CallingStationID: text("Calling-Station-Id"),
	}
	if a, err := netip.ParseAddr(cmp.Or(text("NAS-IP-Address"), text("NAS-IPv6-Address"))); err == nil {
		s.NASAddress = a
	}
	return s
}
