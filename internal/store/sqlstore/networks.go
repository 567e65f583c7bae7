package sqlstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// A network in the database is a digit for the version of IP, the first address in hexadecimal, and the length of the prefix. These texts
// sort by the first address, and among those that begin with the same one the widest is first.

func networkKey(p netip.Prefix) string {
	version := "4"
	if p.Addr().Is6() {
		version = "6"
	}
	return fmt.Sprintf("%s%s/%03d", version, hex.EncodeToString(p.Masked().Addr().AsSlice()), p.Bits())
}

// networkEnd is greater than the keys of all networks that begin inside p, and no greater than any that begins after it.
func networkEnd(p netip.Prefix) string {
	last := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < 8*len(last); bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	key := networkKey(p)
	return key[:1] + hex.EncodeToString(last) + "0" // the character after the slash
}

var errNetwork = errors.New("a network in the database is damaged")

func networkOf(key string) (p netip.Prefix, err error) {
	first, bits, ok := strings.Cut(key, "/")
	if !ok || first == "" {
		return p, errNetwork
	}
	octets, err := hex.DecodeString(first[1:])
	if err != nil {
		return p, errNetwork
	}
	addr, ok := netip.AddrFromSlice(octets)
	n, err := strconv.Atoi(bits)
	if p = netip.PrefixFrom(addr, n); !ok || err != nil || !p.IsValid() {
		return p, errNetwork
	}
	return p, nil
}

// wider are the keys of the networks that hold p and begin at another address or not, as many for each p of the same version.
func wider(p netip.Prefix) []any {
	list := make([]any, p.Addr().BitLen()+1)
	for bits := range list {
		list[bits] = networkKey(netip.PrefixFrom(p.Addr(), min(bits, p.Bits())).Masked())
	}
	return list
}

// claim checks that an account may have a client with the network and the certificate of c.
func (w *write) claim(ctx context.Context, owner store.Account, c store.Client) error {
	if c.Certificate != "" {
		if taken, err := has(ctx, w, `SELECT 1 FROM clients WHERE certificate = $1 AND NOT (account_id = $2 AND name = $3)`,
			c.Certificate, string(c.Account), c.Name); err != nil {
			return err
		} else if taken {
			return store.ErrTaken
		}
	}
	if !c.Network.IsValid() && c.Certificate == "" || owner.ParentID == "" { // the root is above all
		return nil
	}
	grants, err := w.grants(ctx, owner.ID)
	if err != nil {
		return err
	}
	if !granted(grants, c.Network) {
		return &store.OutsideError{Certificate: !c.Network.IsValid()}
	}
	if !c.Network.IsValid() {
		return nil
	}
	from, until := below(owner)
	related := []any{string(owner.ID), joinPath(owner.Path...), from, until}
	// They are counted, and those around by a subquery each: with LIMIT or IN a plan that was made while there were few clients reads
	// all of them.
	const strangers = ` AND account_id <> $1 AND CAST($2 AS text) NOT LIKE '%' || account_id || '/%'
		AND NOT EXISTS (SELECT 1 FROM accounts a WHERE a.id = clients.account_id AND a.path >= $3 AND a.path < $4)`
	holding := wider(c.Network)
	var inside, around maybe[int64]
	if err := w.Batch(ctx, []Statement{
		inside.from(scanInt, `SELECT COUNT(*) FROM clients WHERE network >= $5 AND network < $6`+strangers,
			append(slices.Clone(related), networkKey(c.Network), networkEnd(c.Network))...),
		around.from(scanInt, `WITH wider (network) AS (VALUES `+tuples(len(holding), 5, "text")+`) SELECT COUNT(*) FROM wider
			WHERE (SELECT COUNT(*) FROM clients WHERE clients.network = wider.network`+strangers+`) > 0`, append(slices.Clone(related), holding...)...),
	}); err != nil {
		return err
	}
	if inside.v+around.v > 0 {
		return store.ErrTaken
	}
	return nil
}

// grants are the client_networks of an account and of those above it but the root.
func (w *write) grants(ctx context.Context, account aaa.AccountID) (list [][]netip.Prefix, err error) {
	return all(ctx, w, func(scan Scan) (grant []netip.Prefix, err error) {
		var text *string
		if err = scan(&text); err == nil {
			err = fromText(text, &grant)
		}
		return grant, err
	}, withUp+`SELECT (SELECT a.client_networks FROM accounts a WHERE a.id = up.id) FROM up WHERE up.parent_id <> ''`, string(account))
}

// granted reports whether each of the grants has the network. A client without one, which a certificate names, may come from anywhere, but
// only an account that is trusted with some network has devices: else anyone could claim the names of others' certificates.
func granted(grants [][]netip.Prefix, network netip.Prefix) bool {
	for _, grant := range grants {
		if !slices.ContainsFunc(grant, func(p netip.Prefix) bool {
			return !network.IsValid() || p.Bits() <= network.Bits() && p.Contains(network.Addr())
		}) {
			return false
		}
	}
	return true
}

// claimed is the network of a client.
type claimed struct {
	account aaa.AccountID
	network netip.Prefix // invalid: none, but a certificate
}

func scanClaimed(scan Scan) (c claimed, err error) {
	var network string
	if err = scan(&c.account, &network); err == nil && network != "" {
		c.network, err = networkOf(network)
	}
	return c, err
}

// claimedBelow is what the clients of an account and of all below it claim.
func claimedBelow(ctx context.Context, c Conn, top store.Account) ([]claimed, error) {
	from, until := below(top)
	return all(ctx, c, scanClaimed, `SELECT account_id, COALESCE(network, '') FROM clients WHERE (network IS NOT NULL OR certificate IS NOT NULL) AND
		account_id IN (SELECT id FROM accounts WHERE id = $1 OR path >= $2 AND path < $3)`, string(top.ID), from, until)
}

// outside lists the accounts whose networks one of the grants does not have.
func outside(grants [][]netip.Prefix, list []claimed) (accounts []aaa.AccountID) {
	for _, c := range list {
		if !granted(grants, c.network) && !slices.Contains(accounts, c.account) && len(accounts) < maxInUse {
			accounts = append(accounts, c.account)
		}
	}
	slices.Sort(accounts)
	return accounts
}

// keepClaims refuses to take networks from an account whose clients, or those of accounts below, are in them.
func (w *write) keepClaims(ctx context.Context, a store.Account) error {
	list, err := claimedBelow(ctx, w, a)
	if err != nil {
		return err
	}
	if out := outside([][]netip.Prefix{a.ClientNetworks}, list); out != nil {
		return &store.OutsideError{Accounts: out}
	}
	return nil
}

// moveClaims refuses a move after which clients would be outside of what accounts above grant, or overlap those of accounts which are
// no longer above. left are the latter. Clients of all others overlap none before the move.
func (w *write) moveClaims(ctx context.Context, a store.Account, parent aaa.AccountID, left []aaa.AccountID) error {
	list, err := claimedBelow(ctx, w, a)
	if err != nil || len(list) == 0 {
		return err
	}
	grants, err := w.grants(ctx, parent)
	if err != nil {
		return err
	}
	if out := outside(grants, list); out != nil {
		return &store.OutsideError{Accounts: out, Moved: true}
	}
	var theirs []claimed
	for _, id := range left {
		more, err := all(ctx, w, scanClaimed, `SELECT account_id, network FROM clients WHERE account_id = $1 AND network IS NOT NULL`, string(id))
		if err != nil {
			return err
		}
		theirs = append(theirs, more...)
	}
	if overlap(list, theirs) {
		return store.ErrClientsLeft
	}
	return nil
}

// overlap reports whether a network of one list overlaps one of another.
func overlap(a, b []claimed) bool {
	type side struct {
		network netip.Prefix
		of      int
	}
	var all []side
	for of, list := range [][]claimed{a, b} {
		for _, c := range list {
			if c.network.IsValid() {
				all = append(all, side{c.network, of})
			}
		}
	}
	slices.SortFunc(all, func(x, y side) int {
		if d := x.network.Addr().Compare(y.network.Addr()); d != 0 {
			return d
		}
		return x.network.Bits() - y.network.Bits()
	})
	var around []side // that hold the one before
	for _, s := range all {
		for len(around) > 0 && !around[len(around)-1].network.Contains(s.network.Addr()) {
			around = around[:len(around)-1]
		}
		if len(around) > 0 && around[len(around)-1].of != s.of { // of the whole stack: two sides in it were found before
			return true
		}
		around = append(around, s)
	}
	return false
}
