package clients

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/gaissmai/bart"
	"github.com/puzpuzpuz/xsync/v4"

	"aaa-api/internal/aaa"
	"aaa-api/internal/document"
	"aaa-api/internal/ingress"
)

const (
	maxCandidates = 8   // clients of one prefix that a packet is tried with
	maxOfOne      = 64  // clients of one certificate that are looked at
	maxSANs       = 100 // names of a certificate that are looked up
)

// table finds enabled clients. It is immutable but for byCertificate, which changes by entries.
type table struct {
	byPrefix      [aaa.NumClientProtocols]*bart.Table[[]*Client]
	byCertificate *xsync.Map[certificate, []*Client]
}

// certificate is what a document says of one: a serial number with its issuer's name, or a subject alternative name alone.
type certificate struct{ serial, name string }

func newTable() *table {
	t := &table{byCertificate: xsync.NewMap[certificate, []*Client]()}
	for p := range t.byPrefix {
		t.byPrefix[p] = new(bart.Table[[]*Client])
	}
	return t
}

// insert adds a client to a table that nobody reads yet.
func (t *table) insert(c *Client) {
	if c.Document.Disabled {
		return
	}
	for p, b := range t.byPrefix {
		if c.protocols[p] && c.Prefix.IsValid() {
			b.Modify(c.Prefix, func(list []*Client, _ bool) ([]*Client, bool) {
				i, _ := slices.BinarySearchFunc(list, c, byAge)
				return slices.Insert(list, i, c), false
			})
		}
	}
	t.certify(nil, c)
}

// replaced returns the table with one client in the place of another. Either may be nil.
func (t *table) replaced(before, after *Client) *table {
	next := *t
	for p := range next.byPrefix {
		if before.reachable(p) {
			next.byPrefix[p] = next.byPrefix[p].ModifyPersist(before.Prefix, func(list []*Client, _ bool) ([]*Client, bool) {
				list = exchanged(list, before, nil, byAge)
				return list, len(list) == 0
			})
		}
		if after.reachable(p) {
			next.byPrefix[p] = next.byPrefix[p].ModifyPersist(after.Prefix, func(list []*Client, _ bool) ([]*Client, bool) {
				return exchanged(list, nil, after, byAge), false
			})
		}
	}
	next.certify(before, after)
	return &next
}

// reachable reports whether packets of a protocol can find the client by their address.
func (c *Client) reachable(p int) bool {
	return c != nil && !c.Document.Disabled && c.Prefix.IsValid() && c.protocols[p]
}

// certify puts a client in the place of another in byCertificate. No reader finds both or neither.
func (t *table) certify(before, after *Client) {
	was, is := before.certificate(), after.certificate()
	for _, key := range [...]certificate{is, was} {
		if key == (certificate{}) {
			continue
		}
		t.byCertificate.Compute(key, func(list []*Client, _ bool) ([]*Client, xsync.ComputeOp) {
			add := after
			if key != is {
				add = nil
			}
			if list = exchanged(list, before, add, byWidth); len(list) == 0 {
				return nil, xsync.DeleteOp
			}
			return list, xsync.UpdateOp
		})
		if was == is {
			break
		}
	}
}

// exchanged returns a copy of a sorted list without one client and with another. Either may be nil.
func exchanged(list []*Client, without, with *Client, order func(a, b *Client) int) []*Client {
	next := make([]*Client, 0, len(list)+1)
	for _, c := range list {
		if c != without {
			next = append(next, c)
		}
	}
	if with != nil {
		i, _ := slices.BinarySearchFunc(next, with, order)
		next = slices.Insert(next, i, with)
	}
	return slices.Clip(next)
}

// certificate is the key of an enabled client's certificate; the zero one is none.
func (c *Client) certificate() certificate {
	if c == nil || c.Document.Disabled {
		return certificate{}
	}
	doc := &c.Document.Certificate
	if doc.Serial != "" {
		return certificate{serial: cmp.Or(document.CanonicalSerial(doc.Serial), "0"), name: doc.Issuer}
	}
	return certificate{name: folded(doc.SAN)}
}

// folded is a subject alternative name as it is compared: an IP address in its one form, a URI as it is, a DNS name in lower case
// without a dot at the end.
func folded(san string) string {
	if !strings.Contains(san, ":") {
		return strings.ToLower(strings.TrimSuffix(san, "."))
	}
	if a, err := netip.ParseAddr(san); err == nil {
		return plain(a).String()
	}
	return san
}

// ByAddress returns the clients that a packet from an address may be of: those of the most specific prefix that has enabled clients of
// the protocol, the oldest first, at most 8. It is nil for an unknown address. The list is not to be changed.
func (r *Registry) ByAddress(p aaa.ClientProtocol, a netip.Addr) []*Client {
	list, _ := r.table.Load().byPrefix[p].Lookup(a.Unmap())
	return list[:min(len(list), maxCandidates):min(len(list), maxCandidates)]
}

// ByPeer returns the enabled client of the protocol that a certificate belongs to: one of its subject alternative names or its issuer
// and serial number are the document's, all that the document has, and the connection comes from the document's address if that has
// one. Of several it is the one with the most specific address, and of those the oldest. It is nil for an unknown certificate.
func (r *Registry) ByPeer(p aaa.ClientProtocol, peer *ingress.Peer) *Client {
	if peer == nil {
		return nil
	}
	t := r.table.Load()
	from := plain(peer.From)
	var best *Client
	look := func(key certificate) {
		list, _ := t.byCertificate.Load(key)
		for _, c := range list[:min(len(list), maxOfOne)] {
			if c.protocols[p] && c.fits(peer, from) {
				if best == nil || byWidth(c, best) < 0 {
					best = c
				}
				return
			}
		}
	}
	if peer.Serial != "" {
		look(certificate{serial: peer.Serial, name: peer.Issuer})
	}
	for _, san := range peer.SANs[:min(len(peer.SANs), maxSANs)] {
		if san != "" {
			look(certificate{name: folded(san)})
		}
	}
	return best
}

// fits checks what the key of a certificate does not say: the address, and the name next to a serial number.
func (c *Client) fits(peer *ingress.Peer, from netip.Addr) bool {
	if c.Prefix.IsValid() && !c.Prefix.Contains(from) {
		return false
	}
	doc := &c.Document.Certificate
	if doc.Serial == "" || doc.SAN == "" {
		return true
	}
	san := folded(doc.SAN)
	return slices.ContainsFunc(peer.SANs, func(s string) bool { return folded(s) == san })
}
