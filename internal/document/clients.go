package document

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/egress"
	"aaa-api/internal/schema"
	"aaa-api/internal/secmod"
)

// errStoredClient is a stored client that is none: a fault of the store, not of a caller.
var errStoredClient = errors.New("the stored client is damaged")

// purposeClient is what a sealed secret of a client is bound to, beside its account. member is the path of the secret.
func purposeClient(name, member string) string { return "clients/" + name + "/" + member }

// ClientPlaces lists the secrets that the document of a client, decoded from JSON, holds.
func ClientPlaces(name string) func(body map[string]any) []Place {
	return func(body map[string]any) (list []Place) {
		add := func(object map[string]any, member, path string) {
			if _, ok := object[member]; ok {
				list = append(list, Place{Path: path, Purpose: purposeClient(name, path), object: object, member: member})
			}
		}
		add(body, "secret", "secret")
		add(body, "previous_secret", "previous_secret")
		coa, _ := body["coa"].(map[string]any)
		add(coa, "secret", "coa.secret")
		return list
	}
}

// LoadClient is Load for the document of a client, which has no stances. Its Prepare is PrepareClient.
func LoadClient(account aaa.AccountID, name string, stored json.RawMessage) (*Draft, error) {
	d := &Draft{account: account, find: ClientPlaces(name)}
	body, err := parseStored(stored)
	if err != nil {
		return nil, fmt.Errorf("account %s, client %s: %w", account, name, errStoredClient)
	}
	if body != nil {
		d.load(body)
	}
	return d, nil
}

// PreparedClient is the document of a client fit to be stored.
type PreparedClient struct {
	Body        json.RawMessage // the members as written, with secrets sealed
	Network     netip.Prefix    // of its address; invalid: it has none
	Certificate string          // what tells its certificate from others; empty: it has none
	Warnings    []Warning
}

// PrepareClient checks the draft of a client and seals its new secrets. Its errors are those of Prepare.
func (d *Draft) PrepareClient(ctx context.Context, p *Preparer) (*PreparedClient, error) {
	if faults := schema.Validate(schema.Client, d.body); faults != nil {
		return nil, aaa.Invalid(faults...)
	}
	members, _ := d.body.(map[string]any)
	if at, ok := members["warn_after"].(string); ok {
		if _, err := time.Parse(time.RFC3339, at); err != nil { // a leap second, which the schema takes
			return nil, aaa.Invalid(aaa.Field{Path: "warn_after", Rule: "format", Message: "must be a time as in 2027-01-31T12:00:00Z (RFC 3339)", Value: at})
		}
	}
	text, err := aaa.PlainJSON(d.body)
	if err != nil {
		return nil, err
	}
	c := clientCheck{}
	if err := json.Unmarshal(text, &c.client); err != nil {
		return nil, errors.New("the schema accepts what does not decode") // the cause may repeat a secret
	}
	c.run()
	places := d.places()
	sealed, faults, err := d.keep(ctx, p.vault, places)
	if err != nil {
		return nil, err
	}
	if faults = append(c.faults, faults...); len(faults) > 0 {
		return nil, aaa.Invalid(faults...)
	}
	if err := d.seal(ctx, p.vault, places, sealed); err != nil {
		return nil, err
	}
	reach, err := p.reach(ctx, d.account)
	if err != nil {
		return nil, err
	}
	out := &PreparedClient{Network: c.network, Certificate: c.certificate, Warnings: c.warnings(reach)}
	out.Body, err = d.write(places, sealed)
	return out, err
}

// DecodeClient makes the typed form of a stored client, with its secrets as they are sealed: see OpenClient.
func DecodeClient(body json.RawMessage) (*aaa.Client, error) {
	c := new(aaa.Client)
	if err := json.Unmarshal(body, c); err != nil {
		return nil, errStoredClient
	}
	return c, nil
}

// OpenClient opens the secrets of a decoded client. One that no key opens any more is an *aaa.Error of KindUnavailable.
func OpenClient(ctx context.Context, account aaa.AccountID, name string, c *aaa.Client, opener secmod.Opener) error {
	for _, s := range []struct {
		member string
		secret *aaa.Secret
	}{{"secret", &c.Secret}, {"previous_secret", &c.PreviousSecret}, {"coa.secret", &c.CoA.Secret}} {
		if s.secret.IsZero() {
			continue
		}
		clear, err := opener.Open(ctx, account, purposeClient(name, s.member), s.secret.Reveal())
		if errors.Is(err, secmod.ErrSealed) {
			return &aaa.Error{
				Kind:    aaa.KindUnavailable,
				Message: "the " + s.member + " of client " + name + " of account " + string(account) + " can't be opened any more: write it again",
				Err:     fmt.Errorf("account %s, client %s: open %s: %w", account, name, s.member, err),
			}
		}
		if err != nil {
			return fmt.Errorf("account %s, client %s: open %s: %w", account, name, s.member, err)
		}
		*s.secret = clear
	}
	return nil
}

// MaskClient gives a stored client as answers show it: aaa.Mask in place of every secret.
func MaskClient(name string, body json.RawMessage) (map[string]any, error) {
	m, err := parseStored(body)
	if err != nil {
		return nil, errStoredClient
	}
	for _, p := range ClientPlaces(name)(m) {
		p.Set(aaa.Mask)
	}
	return m, nil
}

// network is the prefix of an address as documents write it.
func network(address string) (netip.Prefix, error) {
	p, err := egress.ParseNetwork(address)
	if err == nil && p.IsSingleIP() && !validAddress(p.Addr().String()) {
		err = errors.New("must be the address of a host or a prefix")
	}
	return p, err
}
