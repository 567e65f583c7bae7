package admin

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// Users are the users files of accounts.
type Users struct{ *base }

// UsersFile is a users file with its passwords masked.
type UsersFile struct {
	TextInfo
	Text string `json:"text"`
}

// UsersUpload is a users file as a caller writes it. Passwords written as aaa.Mask are kept.
type UsersUpload struct {
	Name, Text string
	Share      *bool // documents of accounts below see it; nil: as before, true if there was none
}

// List returns a page of the account's users files, by name.
func (s *Users) List(ctx context.Context, account aaa.AccountID, p store.Page) ([]TextInfo, string, error) {
	return s.listTexts(ctx, account, store.TextUsers, p)
}

// Get returns a users file, without Text if its revision is among those that the caller knows.
func (s *Users) Get(ctx context.Context, who *Caller, account aaa.AccountID, name string, known aaa.Revisions) (UsersFile, error) {
	t, err := s.text(ctx, account, store.TextUsers, name)
	if err != nil {
		return UsersFile{}, err
	}
	if known.Has(t.Revision) {
		return UsersFile{TextInfo: infoOf(t)}, nil
	}
	if err := who.heavy(len(t.Body)); err != nil {
		return UsersFile{}, err
	}
	masked, err := s.Users.MaskUsers(ctx, account, t.Name, t.Body)
	return UsersFile{infoOf(t), masked}, err
}

// Create stores a new users file.
func (s *Users) Create(ctx context.Context, who *Caller, account aaa.AccountID, u UsersUpload) (UsersFile, error) {
	if err := checkName(u.Name); err != nil {
		return UsersFile{}, err
	}
	sealed, masked, err := s.Users.MergeUsers(ctx, account, u.Name, u.Text, "")
	if err != nil {
		return UsersFile{}, err
	}
	t := store.Text{Account: account, Kind: store.TextUsers, Name: u.Name, Body: sealed, Closed: u.Share != nil && !*u.Share}
	got, err := s.createText(ctx, who, t)
	return UsersFile{infoOf(got), masked}, err
}

// Replace makes the next revision of a users file. The write is always conditional
// on the revision that it was made from: masked passwords are kept from that one.
func (s *Users) Replace(ctx context.Context, who *Caller, account aaa.AccountID, u UsersUpload, expected aaa.Revisions) (UsersFile, error) {
	if err := checkName(u.Name); err != nil {
		return UsersFile{}, err
	}
	var masked string
	t := store.Text{Account: account, Kind: store.TextUsers, Name: u.Name}
	got, err := s.replaceText(ctx, who, t, expected, func(t *store.Text, old store.Text) (err error) {
		if t.Closed = old.Closed; u.Share != nil { // an upload that does not mention it opens no file
			t.Closed = !*u.Share
		}
		t.Body, masked, err = s.Users.MergeUsers(ctx, account, u.Name, u.Text, old.Body)
		return err
	})
	return UsersFile{infoOf(got), masked}, err
}

// Delete deletes a users file.
func (s *Users) Delete(ctx context.Context, who *Caller, account aaa.AccountID, name string, expected aaa.Revisions) (TextInfo, error) {
	return s.deleteText(ctx, who, account, store.TextUsers, name, expected)
}
