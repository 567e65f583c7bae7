package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"strconv"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/document"
	"aaa-api/internal/schema"
	"aaa-api/internal/store"
)

// Accounts is the tree of accounts.
type Accounts struct{ *base }

// Account is an account as readers see it.
type Account struct {
	ID             aaa.AccountID  `json:"id"`
	Name           string         `json:"name"`
	Realm          string         `json:"realm,omitempty"`
	ParentID       *aaa.AccountID `json:"parent_id"` // null for the root
	Enabled        bool           `json:"enabled"`
	Limits         *aaa.Limits    `json:"limits,omitempty"`
	Networks       []string       `json:"server_networks,omitempty"`
	ClientNetworks []string       `json:"client_networks,omitempty"`
	CreatedAt      time.Time      `json:"created_at"`
	UpdatedAt      time.Time      `json:"updated_at"`

	Revision int64              `json:"-"`
	Warnings []document.Warning `json:"-"` // of a write
}

func accountOf(a store.Account) Account {
	v := Account{
		ID: a.ID, Name: a.Name, Realm: a.Realm, Enabled: a.Enabled, Limits: a.Limits, Networks: prefixes(a.ServerNetworks), ClientNetworks: prefixes(a.ClientNetworks),
		CreatedAt: a.CreatedAt.UTC(), UpdatedAt: a.UpdatedAt.UTC(), Revision: a.Revision,
	}
	if a.ParentID != "" {
		v.ParentID = &a.ParentID
	}
	return v
}

// written is an account that was stored, with the warnings of the write.
func written(a store.Account, warnings []document.Warning) Account {
	v := accountOf(a)
	v.Warnings = warnings
	return v
}

// Create makes an account below another. members is an object of schemas/account.json, and may bring an id, as an account does that
// comes from elsewhere.
func (s *Accounts) Create(ctx context.Context, who *Caller, parent aaa.AccountID, members map[string]any) (Account, error) {
	members = maps.Clone(members)
	next := store.Account{ParentID: parent, Enabled: true}
	var err error
	if next.ID, err = takeID(members); err != nil {
		return Account{}, err
	}
	if err := applyAccount(&next, members); err != nil {
		return Account{}, err
	}
	if err := s.checkNetworks(ctx, next, serverNetworks, clientNetworks); err != nil {
		return Account{}, err
	}
	capped, err := s.warnCapped(ctx, who, next)
	if err != nil {
		return Account{}, err
	}
	got, err := s.Store.Accounts().Create(ctx, next)
	switch {
	case errors.Is(err, store.ErrTooDeep):
		message := fmt.Sprintf("an account may have %d ancestors at most", store.MaxAccountDepth)
		return Account{}, &aaa.Error{
			Kind: aaa.KindConflict, Message: message, Err: err,
			Fields: []aaa.Field{{Path: "id", Rule: "depth", Message: message, Target: store.MaxAccountDepth}}, // of the parent
		}
	case err != nil:
		return Account{}, missing(err, noAccount.Message)
	}
	s.sync(ctx, who, parent)
	return written(got, capped), nil
}

// takeID takes the id of a new account out of members, a new one if there is none.
func takeID(members map[string]any) (aaa.AccountID, error) {
	v, ok := members["id"]
	if !ok {
		return aaa.NewAccountID(), nil
	}
	delete(members, "id")
	text, _ := v.(string)
	id, err := aaa.ParseAccountID(text)
	if err != nil {
		return "", aaa.Invalid(aaa.Field{Path: "id", Rule: "pattern", Message: err.Error()})
	}
	return id, nil
}

// stored reads an account from the store.
func (s *Accounts) stored(ctx context.Context, id aaa.AccountID) (store.Account, error) {
	got, err := s.Store.Accounts().Get(ctx, id)
	return got, missing(err, noAccount.Message)
}

// Get returns an account.
func (s *Accounts) Get(ctx context.Context, account aaa.AccountID) (Account, error) {
	got, err := orMemory(ctx, s.base, account, func(ctx context.Context) (store.Account, error) {
		return s.stored(ctx, account)
	}, func() (store.Account, error) { return s.Tree.WarmAccount(account) })
	return accountOf(got), err
}

// Replace sets all that callers set of an account: what members lacks gets its default, but for what accounts above set.
func (s *Accounts) Replace(ctx context.Context, who *Caller, account aaa.AccountID, members map[string]any, expected aaa.Revisions) (Account, error) {
	return s.update(ctx, who, account, members, expected, func(have, sent map[string]any) any {
		return keepBounds(account == who.Account, have, sent)
	})
}

// Patch merges members into an account (RFC 7396).
func (s *Accounts) Patch(ctx context.Context, who *Caller, account aaa.AccountID, members map[string]any, expected aaa.Revisions) (Account, error) {
	return s.update(ctx, who, account, members, expected, func(have, sent map[string]any) any { return document.MergePatch(have, sent) })
}

func (s *Accounts) update(
	ctx context.Context, who *Caller, account aaa.AccountID, members map[string]any, expected aaa.Revisions,
	combine func(have, sent map[string]any) any,
) (Account, error) {
	own := account == who.Account
	var got store.Account
	var changed effects
	var capped []document.Warning
	err := s.change(ctx, who, account, expected, func() error {
		old, err := s.stored(ctx, account)
		if err != nil {
			return err
		}
		if _, err := matching(expected, old.Revision); err != nil {
			return err
		}
		sent := maps.Clone(members)
		if err := takeReadOnly(sent, accountOf(old)); err != nil {
			return err
		}
		next := old
		data, _ := combine(settable(old), sent).(map[string]any)
		if err := applyAccount(&next, data); err != nil {
			return err
		}
		if next.Enabled != old.Enabled && own {
			// Else a tenant locks itself out, or the root everybody.
			return &aaa.Error{Kind: aaa.KindForbidden, Message: "an account is enabled and disabled by those above it"}
		}
		if err := s.checkBounds(ctx, own, old, next); err != nil {
			return err
		}
		changed = effects{}
		if next.Enabled != old.Enabled {
			if changed, err = s.warnEnabled(ctx, old, next.Enabled); err != nil {
				return err
			}
		}
		if capped, err = s.warnCapped(ctx, who, next); err != nil {
			return err
		}
		got, err = s.Store.Accounts().Update(ctx, account, old.Revision, next)
		return err
	})
	if err != nil {
		return Account{}, missing(err, noAccount.Message)
	}
	return written(got, append(changed.after(ctx, s.base, account, store.ChangedAccount), capped...)), nil
}

// Delete deletes an account without descendants, and all that it has, but for one whose accounting is not all delivered.
func (s *Accounts) Delete(ctx context.Context, who *Caller, account aaa.AccountID, expected aaa.Revisions) (Account, error) {
	if account == who.Account {
		return Account{}, &aaa.Error{Kind: aaa.KindForbidden, Message: "an account is deleted by those above it"}
	}
	old, err := s.stored(ctx, account)
	if err != nil {
		return Account{}, err
	}
	revision, err := matching(expected, old.Revision)
	if err != nil {
		return Account{}, err
	}
	if err := s.checkSpool(ctx, account); err != nil {
		return Account{}, err
	}
	if err := s.Store.Accounts().Delete(ctx, account, revision); err != nil {
		return Account{}, missing(err, noAccount.Message)
	}
	s.sync(ctx, who, account)
	return accountOf(old), nil
}

// checkSpool refuses an account that has accounting records.
func (s *Accounts) checkSpool(ctx context.Context, account aaa.AccountID) error {
	n, err := s.Store.Spool().Counts(ctx, account)
	if err != nil || n.Waiting+n.Parked == 0 {
		return err
	}
	message := fmt.Sprintf("the account has accounting records that no server has taken: %d wait and %d are parked; wait until they are delivered, or drop them with DELETE /v2/accounts/%s/aaa/spool?all=true",
		n.Waiting, n.Parked, account)
	return &aaa.Error{
		Kind: aaa.KindConflict, Message: message,
		Fields: []aaa.Field{{Path: "id", Rule: "spool", Message: message, Target: 0, Value: n.Waiting + n.Parked}},
	}
}

// Move puts an account below another that the caller reaches. Unless confirmed it refuses to let everybody into an
// account that had servers.
func (s *Accounts) Move(ctx context.Context, who *Caller, account, to aaa.AccountID, confirmed bool) (Account, error) {
	if within, err := s.Tree.Within(ctx, who.Account, to); err != nil && aaa.KindOf(err) != aaa.KindNotFound {
		return Account{}, err
	} else if !within {
		return Account{}, &aaa.Error{
			Kind: aaa.KindNotFound, Message: noAccount.Message,
			Fields: []aaa.Field{{Path: "to", Rule: "exists", Message: noAccount.Message}},
		}
	}
	if account == who.Account {
		return Account{}, &aaa.Error{Kind: aaa.KindForbidden, Message: "an account is moved by those above it"}
	}
	old, err := s.stored(ctx, account)
	if err != nil {
		return Account{}, err
	}
	parent, err := s.stored(ctx, to)
	if err != nil {
		return Account{}, err
	}
	changed, err := s.warnMove(ctx, old, parent, confirmed)
	if err != nil {
		return Account{}, err
	}
	got, err := s.Store.Accounts().Move(ctx, account, to)
	if err != nil {
		return Account{}, missing(err, noAccount.Message)
	}
	s.sync(ctx, who, account)
	return written(got.Account, append(changed.after(ctx, s.base, account, store.ChangedAccount), warnRevoked(got.Revoked)...)), nil
}

// applyAccount checks data, the whole of what a client may set, and sets it on next.
func applyAccount(next *store.Account, data map[string]any) error {
	if faults := schema.Validate(schema.Account, data); len(faults) > 0 {
		return aaa.Invalid(faults...)
	}
	next.Name, _ = data["name"].(string)
	next.Realm, _ = data["realm"].(string)
	enabled, given := data["enabled"].(bool)
	next.Enabled = enabled || !given
	var err error
	if next.Limits, err = takeLimits(data); err != nil {
		return err
	}
	var faults []aaa.Field
	next.ServerNetworks, faults = takeNetworks(data, serverNetworks, faults)
	next.ClientNetworks, faults = takeNetworks(data, clientNetworks, faults)
	if faults != nil {
		return aaa.Invalid(faults...)
	}
	return nil
}

// settable is the part of an account that clients write.
func settable(a store.Account) map[string]any {
	m := map[string]any{"name": a.Name, "enabled": a.Enabled}
	if a.Realm != "" {
		m["realm"] = a.Realm
	}
	if a.Limits != nil {
		limits := make(map[string]any)
		for i, v := range a.Limits {
			if v != aaa.NotSet {
				limits[aaa.Limit(i).Name()] = json.Number(strconv.FormatInt(v, 10))
			}
		}
		m["limits"] = limits
	}
	for member, networks := range map[string][]netip.Prefix{serverNetworks: a.ServerNetworks, clientNetworks: a.ClientNetworks} {
		if len(networks) == 0 {
			continue
		}
		list := make([]any, len(networks))
		for i, p := range networks {
			list[i] = p.String()
		}
		m[member] = list
	}
	return m
}

// takeReadOnly takes out of data the members that nobody writes: they may come back as they
// were read, and must then be what they are.
func takeReadOnly(data map[string]any, view any) error {
	text, err := json.Marshal(view)
	if err != nil {
		return err
	}
	var have map[string]any
	if err := json.Unmarshal(text, &have); err != nil {
		return err
	}
	var faults []aaa.Field
	for _, name := range []string{"id", "parent_id", "created_at", "updated_at"} {
		if v, ok := data[name]; ok {
			if v != have[name] {
				message := "cannot be changed"
				if name == "parent_id" {
					message = "cannot be changed here: use POST /v2/accounts/{id}/move"
				}
				faults = append(faults, aaa.Field{Path: name, Rule: "readOnly", Message: message})
			}
			delete(data, name)
		}
	}
	if faults != nil {
		return aaa.Invalid(faults...)
	}
	return nil
}
