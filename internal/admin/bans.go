package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/bans"
	"aaa-api/internal/schema"
	"aaa-api/internal/store"
)

// Bans are those of logins, by points and by hand.
type Bans struct{ *base }

// Banner knows who is banned on this node.
type Banner interface {
	// BanSubjects are what the documents in force for an account's logins know a value of a key by, the nearest document's first. The
	// error is KindBadInput if none of them scores by the key.
	BanSubjects(ctx context.Context, account aaa.AccountID, key, value string) ([]bans.Subject, error)
	// KnowBan has this node go by a ban that was changed in the store.
	KnowBan(b store.Ban)
}

// Ban is a ban as lists show it.
type Ban struct {
	ID       string        `json:"id"`
	Account  aaa.AccountID `json:"account_id"`
	Document aaa.AccountID `json:"document_id"` // whose document bans
	Key      string        `json:"key"`
	Value    string        `json:"value"`
	BannedAt time.Time     `json:"banned_at"`
	Until    time.Time     `json:"until"`
	Token    string        `json:"token_id,omitempty"` // that banned by hand; empty if points did
	Reason   string        `json:"reason,omitempty"`
}

func banOf(b store.Ban) Ban {
	return Ban{ID: b.ID, Account: b.Account, Document: b.Document, Key: b.Key, Value: b.Value, BannedAt: b.BannedAt, Until: b.Until, Token: b.Author, Reason: b.Reason}
}

// List returns a page of the account's bans, by id.
func (s *Bans) List(ctx context.Context, who *Caller, account aaa.AccountID, p store.Page) ([]Ban, string, error) {
	rows, next, err := s.Store.Bans().List(ctx, account, who.At, p)
	return views(rows, next, err, banOf)
}

// ListBelow returns a page of the bans of the account and of all below it, by account and id.
func (s *Bans) ListBelow(ctx context.Context, who *Caller, account aaa.AccountID, p store.Page) ([]Ban, string, error) {
	rows, next, err := s.Store.Bans().Below(ctx, account, who.At, p)
	return views(rows, next, missing(err, noAccount.Message), banOf)
}

// Add bans a value of a key, in place of a ban that it has. members is an object of schemas/ban.json.
func (s *Bans) Add(ctx context.Context, who *Caller, account aaa.AccountID, members map[string]any) (Ban, error) {
	if faults := schema.Validate(schema.Ban, members); len(faults) > 0 {
		return Ban{}, aaa.Invalid(faults...)
	}
	key, value := text(members, "key"), text(members, "value")
	if err := notBlank(value); err != nil {
		return Ban{}, err
	}
	list, err := s.Banner.BanSubjects(ctx, account, key, value)
	if err != nil {
		return Ban{}, err
	}
	subject := list[0]
	if seconds, ok := members["seconds"].(json.Number); ok {
		n, err := seconds.Int64()
		if err != nil {
			return Ban{}, err // no whole number in digits, which the schema refuses
		}
		subject.BanTime = time.Duration(n) * time.Second
	}
	at := who.At.UTC().Truncate(time.Microsecond)
	switch n, err := s.Store.Bans().Count(ctx, account, at); {
	case err != nil:
		return Ban{}, err
	case n >= bans.MostBans:
		return Ban{}, aaa.Errorf(aaa.KindConflict, "the account has %d bans, and may have no more", n)
	}
	row, err := s.Store.Bans().Change(ctx, subject.BanKey, func(b store.Ban) (store.Ban, error) {
		b.Document, b.Key, b.Value = subject.Document, subject.Key, subject.Value
		return bans.ByHand(b, at, at.Add(subject.BanTime), who.TokenID, text(members, "reason")), nil
	})
	if err != nil {
		return Ban{}, err
	}
	s.Banner.KnowBan(row)
	s.tell(ctx, who, row, "a ban begins by hand", slog.Time("until", row.Until))
	return banOf(row), nil
}

// Lift ends a ban.
func (s *Bans) Lift(ctx context.Context, who *Caller, account aaa.AccountID, id string) (Ban, error) {
	const noBan = "the account has no such ban; one that is over is gone"
	if !aaa.IsID(id) {
		return Ban{}, missing(store.ErrNotFound, noBan)
	}
	at := who.At.UTC().Truncate(time.Microsecond)
	var was store.Ban
	row, err := s.Store.Bans().Change(ctx, store.BanKey{Account: account, ID: id}, func(b store.Ban) (store.Ban, error) {
		if was = b; !b.Until.After(at) {
			return b, store.ErrNotFound
		}
		return bans.Lift(b, at), nil
	})
	if err != nil {
		return Ban{}, missing(err, noBan)
	}
	s.Banner.KnowBan(row)
	s.tell(ctx, who, was, "a ban is lifted by hand")
	return banOf(was), nil
}

// Lifted says how many bans were lifted.
type Lifted struct {
	Bans int `json:"bans"`
}

// LiftValue ends the bans of a value of a key, and forgets its points, in all documents in force.
func (s *Bans) LiftValue(ctx context.Context, who *Caller, account aaa.AccountID, key, value string) (Lifted, error) {
	if err := notBlank(value); err != nil {
		return Lifted{}, err
	}
	list, err := s.Banner.BanSubjects(ctx, account, key, value)
	if err != nil {
		return Lifted{}, err
	}
	at := who.At.UTC().Truncate(time.Microsecond)
	var lifted Lifted
	for _, subject := range list {
		banned := false
		row, err := s.Store.Bans().Change(ctx, subject.BanKey, func(b store.Ban) (store.Ban, error) {
			banned = b.Until.After(at)
			b.Document = subject.Document
			if until := at.Add(subject.BanTime); until.After(b.ExpiresAt) {
				b.ExpiresAt = until // a node may know a ban that is not stored yet
			}
			return bans.Lift(b, at), nil
		})
		if err != nil {
			return lifted, err
		}
		s.Banner.KnowBan(row)
		if banned {
			lifted.Bans++
			subject.Document = row.Document
			s.tell(ctx, who, subject.Ban, "a ban is lifted by hand")
		}
	}
	return lifted, nil
}

// tell logs who changed a ban. It leaves out the value, which may be a user's name.
func (s *Bans) tell(ctx context.Context, who *Caller, b store.Ban, message string, more ...slog.Attr) {
	s.Log.LogAttrs(ctx, slog.LevelInfo, message, append([]slog.Attr{
		slog.String("account", string(b.Account)), slog.String("request_id", who.RequestID), slog.String("token", who.TokenID),
		slog.String("document", string(b.Document)), slog.String("ban", b.ID), slog.String("key", b.Key),
	}, more...)...)
}

func text(members map[string]any, name string) string {
	s, _ := members[name].(string)
	return s
}

// maxBanValue is how many octets a value may have.
const maxBanValue = 4 << 10

func notBlank(value string) error {
	switch {
	case strings.TrimSpace(value) == "":
		return aaa.Invalid(aaa.Field{Path: "value", Rule: "minLength", Message: "must not be blank: no request is scored by an empty value", Target: 1})
	case len(value) > maxBanValue:
		return aaa.Invalid(aaa.Field{Path: "value", Rule: "maxLength", Message: fmt.Sprintf("must have at most %d octets", maxBanValue), Target: maxBanValue})
	}
	return nil
}
