// Package clients knows the network devices of all accounts: which document a packet belongs to, by its address or certificate.
package clients

import (
	"net/netip"

	"aaa-api/internal/aaa"
)

// Client is a client's document as servers use it. It is immutable but for its counters.
type Client struct {
	Account  aaa.AccountID
	Name     string
	Revision int64
	Document *aaa.Client // with its secrets left out: see Secrets
	Prefix   netip.Prefix
}
