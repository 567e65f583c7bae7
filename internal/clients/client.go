package clients

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"

	"aaa-api/internal/aaa"
	"aaa-api/internal/document"
	"aaa-api/internal/store"
)

// Client is a client's document as servers use it. It is immutable but for its counters and what is made of its secrets.
type Client struct {
	Account  aaa.AccountID
	Name     string
	Revision int64
	Document *aaa.Client  // without secrets and Description
	Prefix   netip.Prefix // that its packets come from; the zero Prefix if it is known by its certificate alone

	// Keys is for the server that answers the client: what it makes of the secrets, once.
	Keys atomic.Pointer[any]

	created, updated int64 // Unix nanoseconds
	protocols        [aaa.NumClientProtocols]bool
	sealed           atomic.Pointer[Secrets] // as stored; nil once they are opened
	opened           atomic.Pointer[Secrets]
	informed         atomic.Bool // the use of the previous secret is in the log
	used             *counters
}

// Format prints which client it is, and nothing that it holds.
func (c *Client) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "client %s of %s", c.Name, c.Account) }

// LogValue is Format for slog.
func (c *Client) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(c)) }

// parse makes a Client of a stored one. account is its Account in a copy that many share. before is the client that it replaces, or nil.
func (r *Registry) parse(s *store.Client, account aaa.AccountID, before *Client) (*Client, error) {
	doc, err := document.DecodeClient(s.Body)
	if err != nil {
		return nil, err
	}
	c := &Client{
		Account: account, Name: strings.Clone(s.Name), Revision: s.Revision, Document: doc,
		created: s.CreatedAt.UnixNano(), updated: s.UpdatedAt.UnixNano(),
	}
	c.sealed.Store(&Secrets{doc.Secret, doc.PreviousSecret, doc.CoA.Secret})
	if c.Prefix, err = prefixOf(doc.Address); err != nil {
		return nil, err
	}
	for p := range c.protocols {
		c.protocols[p] = doc.Speaks(aaa.ClientProtocol(p))
	}
	doc.Description, doc.Secret, doc.PreviousSecret, doc.CoA.Secret = "", aaa.Secret{}, aaa.Secret{}, aaa.Secret{}
	doc.Protocols, doc.Quirks = r.shared(doc.Protocols), r.shared(doc.Quirks)
	if before != nil && before.created == c.created {
		c.used = before.used
	} else {
		c.used = new(counters)
	}
	return c, nil
}

// is reports whether c is what the store holds.
func (c *Client) is(s *store.Client) bool {
	return c.Revision == s.Revision && c.created == s.CreatedAt.UnixNano() && c.updated == s.UpdatedAt.UnixNano()
}

// maxShared bounds the lists of shared.
const maxShared = 1024

// shared returns one copy of equal lists. Documents have few different ones.
func (r *Registry) shared(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	key := strings.Join(list, "\x00")
	known, ok := r.lists[key]
	if !ok {
		if known = list; len(r.lists) < maxShared {
			r.lists[key] = known
		}
	}
	return known
}

// prefixOf reads an address or prefix; an empty text is the zero Prefix.
func prefixOf(address string) (netip.Prefix, error) {
	if address == "" {
		return netip.Prefix{}, nil
	}
	p, err := netip.ParsePrefix(address)
	if err != nil {
		a, err := netip.ParseAddr(address)
		if err != nil {
			return p, errors.New("the stored address is neither an IP address nor a prefix")
		}
		a = plain(a)
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// plain drops the zone of an address, and the IPv6 form of an IPv4 one.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// byAge orders clients of one prefix: older ones first, so that a new one takes no packets from those that were there.
func byAge(a, b *Client) int {
	return cmp.Or(cmp.Compare(a.created, b.created), cmp.Compare(a.Account, b.Account), cmp.Compare(a.Name, b.Name))
}

// byWidth orders clients of one certificate: the most specific address first, then by age.
func byWidth(a, b *Client) int {
	return cmp.Or(cmp.Compare(b.bits(), a.bits()), byAge(a, b))
}

// bits is the length of the prefix, counted as of IPv6; 0 without an address.
func (c *Client) bits() int {
	if !c.Prefix.IsValid() {
		return 0
	}
	return 1 + c.Prefix.Bits() + 128 - c.Prefix.Addr().BitLen()
}
