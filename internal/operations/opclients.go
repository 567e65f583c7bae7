package operations

import (
	"context"
	"time"

	"aaa-api/internal/aaa"
)

// Devices is what the process knows of the network devices that send it packets.
type Devices interface {
	// Clients gives up to limit clients by account and name, from start on, and where the next page begins, the zero ClientKey at the end.
	Clients(start ClientKey, limit int) (list []ClientUse, next ClientKey)
	// Unknown lists the addresses whose packets no client or secret fits, the last one first.
	Unknown() []UnknownDevice
}

// ClientKey names a client.
type ClientKey struct {
	Account aaa.AccountID
	Name    string
}

// ClientUse is a client with what this node has counted since its start.
type ClientUse struct {
	Account  aaa.AccountID `json:"account_id"`
	Name     string        `json:"name"`
	Enabled  bool          `json:"enabled"`
	Address  string        `json:"address,omitempty"` // a prefix; empty: the client has a certificate alone
	Requests uint64        `json:"requests"`          // that were verified
	Previous uint64        `json:"previous_secret_requests"`
	LastSeen time.Time     `json:"last_seen,omitzero"`
}

// UnknownDevice is an address whose packets no client or secret fits.
type UnknownDevice struct {
	Address  string    `json:"address"`
	Protocol string    `json:"protocol"`
	Packets  uint64    `json:"packets"`
	Last     time.Time `json:"last"`
	Reason   string    `json:"reason"` // of the last one
}

// clientPage is how many clients are looked at for a page.
const clientPage = 1000

// AskClients chooses clients.
type AskClients struct {
	Account aaa.AccountID // with all below; empty: all
	Start   ClientKey     // Next of the page before
}

// ClientUses is a page of clients. It may be empty and have a next one.
type ClientUses struct {
	Clients []ClientUse
	Next    ClientKey // the zero one: there are no more
}

// OperatorClients returns a page of the clients that this node knows.
var OperatorClients = define("operators.clients", operators, func(ctx context.Context, s *Served, q *AskClients) (out ClientUses, err error) {
	below, err := s.below(ctx, q.Account)
	if err != nil || s.Local.Devices == nil {
		return out, err
	}
	list, next := s.Local.Devices.Clients(q.Start, clientPage)
	out.Next = next
	for _, c := range list {
		if below == nil || below(c.Account) {
			out.Clients = append(out.Clients, c)
		}
	}
	return out, nil
})

// UnknownDevices are the last ones.
type UnknownDevices struct{ Devices []UnknownDevice }

// OperatorUnknownDevices returns the addresses whose packets no client or secret fits.
var OperatorUnknownDevices = define("operators.unknown_devices", operators, func(_ context.Context, s *Served, _ *None) (UnknownDevices, error) {
	if s.Local.Devices == nil {
		return UnknownDevices{}, nil
	}
	return UnknownDevices{s.Local.Devices.Unknown()}, nil
})
