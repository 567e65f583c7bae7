// Package clients knows the network devices of all accounts: which document a packet belongs to, by its address or certificate.
package clients

import (
	"net/netip"
	"sync/atomic"

	"aaa-api/internal/aaa"
)

// Client is a client's document as servers use it. It is immutable but for its counters and Keys.
type Client struct {
	Account  aaa.AccountID
	Name     string
	Revision int64
	Document *aaa.Client // with its secrets left out: see Secrets
	Prefix   netip.Prefix
	// Keys is what a server makes of the secrets once. A changed document is another Client, with an empty slot.
	Keys atomic.Pointer[any]
}

// Secrets are a client's secrets in the clear.
type Secrets struct {
	Current, Previous aaa.Secret // Previous is zero if there is none
}
