package admin

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/document"
	"aaa-api/internal/store"
)

// Clients are the documents of network devices.
type Clients struct{ *base }

// Client is the document of a network device with its secrets masked, and its name and times beside the members.
type Client struct {
	Name     string
	Body     json.RawMessage
	Revision int64
	Warnings []document.Warning // of this write
}

// ClientInfo is a client in a list.
type ClientInfo struct {
	Name         string                 `json:"name"`
	Enabled      bool                   `json:"enabled"`
	Description  string                 `json:"description,omitempty"`
	Address      string                 `json:"address,omitempty"`
	Certificate  *aaa.ClientCertificate `json:"certificate,omitempty"`
	Protocols    []string               `json:"protocols"`
	NASType      string                 `json:"nas_type,omitempty"`
	RealmRouting bool                   `json:"realm_routing"`
	Previous     bool                   `json:"has_previous_secret"`
	Revision     int64                  `json:"revision"`
	CreatedAt    time.Time              `json:"created_at"`
	UpdatedAt    time.Time              `json:"updated_at"`
}

func clientInfo(c store.Client) (ClientInfo, error) {
	d, err := document.DecodeClient(c.Body)
	if err != nil {
		return ClientInfo{}, err
	}
	info := ClientInfo{
		Name: c.Name, Enabled: !d.Disabled, Description: d.Description, Address: d.Address, Protocols: d.Protocols, NASType: d.NASType,
		RealmRouting: d.RealmRouting, Previous: !d.PreviousSecret.IsZero(),
		Revision: c.Revision, CreatedAt: c.CreatedAt.UTC(), UpdatedAt: c.UpdatedAt.UTC(),
	}
	if d.Certificate != (aaa.ClientCertificate{}) {
		info.Certificate = &d.Certificate
	}
	if info.Protocols == nil {
		info.Protocols = []string{aaa.ClientRADIUS.String(), aaa.ClientTACACS.String()}
	}
	return info, nil
}

// clientOf is a stored client as callers see it.
func clientOf(c store.Client, warnings []document.Warning) (Client, error) {
	members, err := document.MaskClient(c.Name, c.Body)
	if err != nil {
		return Client{}, err
	}
	members["name"], members["created_at"], members["updated_at"] = c.Name, written3339(c.CreatedAt), written3339(c.UpdatedAt)
	body, err := aaa.PlainJSON(members)
	return Client{Name: c.Name, Body: body, Revision: c.Revision, Warnings: warnings}, err
}

func written3339(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// noClient gives the store's errors about a client that is to be there their message.
func noClient(err error, name string) error {
	return missing(err, "the account has no client "+aaa.Quote(name))
}

// refusedClient gives the store's refusal of what a client claims the member that it is about.
func refusedClient(err error, c store.Client) error {
	if !errors.Is(err, store.ErrTaken) {
		return err
	}
	path := "address"
	if !c.Network.IsValid() {
		path = "certificate"
	}
	message := "overlaps the address of a client of another account, or the certificate is that of another client"
	switch {
	case c.Certificate == "":
		message = "overlaps the address of a client of another account"
	case !c.Network.IsValid():
		message = "is that of another client"
	}
	return &aaa.Error{Kind: aaa.KindConflict, Message: path + " " + message, Err: err, Fields: []aaa.Field{{Path: path, Rule: "taken", Message: message}}}
}

// List returns a page of the account's clients, by name.
func (s *Clients) List(ctx context.Context, account aaa.AccountID, p store.Page) ([]ClientInfo, string, error) {
	rows, next, err := s.Store.Clients().List(ctx, account, p)
	if err != nil {
		return nil, "", err
	}
	list := make([]ClientInfo, len(rows))
	for i, c := range rows {
		if list[i], err = clientInfo(c); err != nil {
			return nil, "", err
		}
	}
	return list, next, nil
}

// Get returns a client.
func (s *Clients) Get(ctx context.Context, account aaa.AccountID, name string) (Client, error) {
	c, err := s.stored(ctx, account, name)
	if err != nil {
		return Client{}, err
	}
	return clientOf(c, nil)
}

// stored reads a client from the store.
func (s *Clients) stored(ctx context.Context, account aaa.AccountID, name string) (store.Client, error) {
	if !textName.MatchString(name) {
		return store.Client{}, noClient(store.ErrNotFound, name)
	}
	c, err := s.Store.Clients().Get(ctx, account, name)
	return c, noClient(err, name)
}

// Create stores a new client. members are those of schemas/client.json.
func (s *Clients) Create(ctx context.Context, who *Caller, account aaa.AccountID, name string, members map[string]any) (Client, error) {
	if err := checkName(name); err != nil {
		return Client{}, err
	}
	sent, err := clientMembers(name, members)
	if err != nil {
		return Client{}, err
	}
	draft, err := document.LoadClient(account, name, nil)
	if err != nil {
		return Client{}, err
	}
	draft.Replace(sent)
	next, row, err := s.prepare(ctx, account, name, draft)
	if err != nil {
		return Client{}, err
	}
	got, err := s.Store.Clients().Create(ctx, row)
	if err != nil {
		return Client{}, made(refusedClient(err, row), "the account has a client "+aaa.Quote(name)+" already")
	}
	s.sync(ctx, who, account)
	return clientOf(got, next.Warnings)
}

// Replace stores another document of a client. What is masked in it keeps the stored secret.
func (s *Clients) Replace(ctx context.Context, who *Caller, account aaa.AccountID, name string, members map[string]any, expected aaa.Revisions) (Client, error) {
	sent, err := clientMembers(name, members)
	if err != nil {
		return Client{}, err
	}
	return s.update(ctx, who, account, name, expected, func(d *document.Draft) { d.Replace(sent) })
}

// Patch merges members into a client (RFC 7396). The patch sees secrets masked; what is still masked afterwards is kept.
func (s *Clients) Patch(ctx context.Context, who *Caller, account aaa.AccountID, name string, members map[string]any, expected aaa.Revisions) (Client, error) {
	sent, err := clientMembers(name, members)
	if err != nil {
		return Client{}, err
	}
	return s.update(ctx, who, account, name, expected, func(d *document.Draft) { d.Patch(sent) })
}

// update makes the next revision. The write is always conditional on the revision that it was made from: secrets are kept from that one.
func (s *Clients) update(ctx context.Context, who *Caller, account aaa.AccountID, name string, expected aaa.Revisions, edit func(*document.Draft)) (Client, error) {
	var next *document.PreparedClient
	var got store.Client
	err := s.change(ctx, who, account, expected, func() error {
		old, err := s.stored(ctx, account, name)
		if err != nil {
			return err
		}
		if _, err := matching(expected, old.Revision); err != nil {
			return err
		}
		draft, err := document.LoadClient(account, name, old.Body)
		if err != nil {
			return err
		}
		edit(draft)
		var row store.Client
		if next, row, err = s.prepare(ctx, account, name, draft); err != nil {
			return err
		}
		got, err = s.Store.Clients().Replace(ctx, row, old.Revision)
		return refusedClient(err, row)
	})
	if err != nil {
		return Client{}, noClient(err, name)
	}
	return clientOf(got, next.Warnings)
}

// prepare checks a draft and seals its secrets, and makes the row of it.
func (s *Clients) prepare(ctx context.Context, account aaa.AccountID, name string, d *document.Draft) (*document.PreparedClient, store.Client, error) {
	next, err := d.PrepareClient(ctx, s.Preparer)
	if err != nil {
		return nil, store.Client{}, err
	}
	return next, store.Client{Account: account, Name: name, Body: next.Body, Network: next.Network, Certificate: next.Certificate}, nil
}

// Delete deletes a client and returns it.
func (s *Clients) Delete(ctx context.Context, who *Caller, account aaa.AccountID, name string, expected aaa.Revisions) (Client, error) {
	old, err := s.stored(ctx, account, name)
	if err != nil {
		return Client{}, err
	}
	revision, err := matching(expected, old.Revision)
	if err != nil {
		return Client{}, err
	}
	if err := s.Store.Clients().Delete(ctx, account, name, revision); err != nil {
		return Client{}, noClient(err, name)
	}
	s.sync(ctx, who, account)
	return clientOf(old, nil)
}

// clientMembers are the members that a caller sent without those that answers have beside them: what was read can be written back.
func clientMembers(name string, sent map[string]any) (map[string]any, error) {
	if inside, given := sent["name"]; given && inside != name {
		return nil, aaa.Invalid(aaa.Field{Path: "name", Rule: "conflict", Message: "must be the name in the URL: the name of a client can't be changed"})
	}
	sent = maps.Clone(sent)
	for _, member := range []string{"name", "created_at", "updated_at"} {
		delete(sent, member)
	}
	return sent, nil
}
