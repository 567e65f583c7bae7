package admin

import (
	"context"
	"regexp"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// TextInfo is a table or a users file in a list. A built-in table has a title, and neither revision nor times.
type TextInfo struct {
	Name      string        `json:"name"`
	Owner     aaa.AccountID `json:"owner"`
	Title     string        `json:"title,omitempty"`
	Share     *bool         `json:"share,omitempty"` // of users files: documents of accounts below see it
	Revision  int64         `json:"revision,omitempty"`
	CreatedAt time.Time     `json:"created_at,omitzero"`
	UpdatedAt time.Time     `json:"updated_at,omitzero"`
}

func infoOf(t store.Text) TextInfo {
	var share *bool
	if t.Kind == store.TextUsers {
		open := !t.Closed
		share = &open
	}
	return TextInfo{Share: share, Name: t.Name, Owner: t.Account, Revision: t.Revision, CreatedAt: t.CreatedAt.UTC(), UpdatedAt: t.UpdatedAt.UTC()}
}

// textName is what names of tables and users files look like.
var textName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// checkName refuses a name that no table and no users file can have.
func checkName(name string) error {
	if textName.MatchString(name) {
		return nil
	}
	return aaa.Invalid(aaa.Field{
		Path: "name", Rule: "pattern", Target: textName.String(), Value: name,
		Message: "must be 1 to 64 letters, digits or _.- and begin with a letter or a digit",
	})
}

// kindName is a kind of text as messages name it.
var kindName = map[store.TextKind]string{store.TextFSM: "state machine table", store.TextUsers: "users file"}

// noText gives the store's errors about a text that is to be there their message.
func noText(err error, kind store.TextKind, name string) error {
	return missing(err, "the account has no "+kindName[kind]+" "+aaa.Quote(name))
}

// newText gives the store's errors about a text that is to be made their message.
func newText(err error, kind store.TextKind, name string) error {
	return made(err, "the account has a "+kindName[kind]+" "+aaa.Quote(name)+" already")
}

// listTexts returns a page of the account's tables or users files, by name.
func (b *base) listTexts(ctx context.Context, account aaa.AccountID, kind store.TextKind, p store.Page) ([]TextInfo, string, error) {
	rows, next, err := listOrMemory(ctx, b, account, p, func(ctx context.Context) ([]store.Text, string, error) {
		return b.Store.Texts().List(ctx, account, kind, p)
	}, func() ([]store.Text, error) { return b.Tree.Texts(account, kind) }, func(t store.Text) string { return t.Name })
	return views(rows, next, missing(err, noAccount.Message), infoOf)
}

// text finds a table or users file of the account.
func (b *base) text(ctx context.Context, account aaa.AccountID, kind store.TextKind, name string) (store.Text, error) {
	if !textName.MatchString(name) {
		return store.Text{}, noText(store.ErrNotFound, kind, name)
	}
	t, err := b.Store.Texts().Get(ctx, account, kind, name)
	return t, noText(err, kind, name)
}

// createText stores a new text.
func (b *base) createText(ctx context.Context, who *Caller, t store.Text) (store.Text, error) {
	got, err := b.Store.Texts().Create(ctx, t)
	if err != nil {
		return store.Text{}, newText(err, t.Kind, t.Name)
	}
	b.sync(ctx, who, t.Account)
	return got, nil
}

// replaceText stores what edit makes of the stored text t.Name. It may run edit more than once.
func (b *base) replaceText(ctx context.Context, who *Caller, t store.Text, expected aaa.Revisions, edit func(t *store.Text, old store.Text) error) (got store.Text, err error) {
	err = b.change(ctx, who, t.Account, expected, func() error {
		old, err := b.Store.Texts().Get(ctx, t.Account, t.Kind, t.Name)
		if err != nil {
			return err
		}
		if _, err := matching(expected, old.Revision); err != nil {
			return err
		}
		next := t
		if err := edit(&next, old); err != nil {
			return err
		}
		got, err = b.Store.Texts().Replace(ctx, next, old.Revision)
		return err
	})
	return got, noText(err, t.Kind, t.Name)
}

// deleteText deletes a table or users file.
func (b *base) deleteText(ctx context.Context, who *Caller, account aaa.AccountID, kind store.TextKind, name string, expected aaa.Revisions) (TextInfo, error) {
	old, err := b.text(ctx, account, kind, name)
	if err != nil {
		return TextInfo{}, err
	}
	revision, err := matching(expected, old.Revision)
	if err != nil {
		return TextInfo{}, err
	}
	if err := b.Store.Texts().Delete(ctx, account, kind, old.Name, revision); err != nil {
		return TextInfo{}, noText(err, kind, name)
	}
	b.sync(ctx, who, account)
	return infoOf(old), nil
}
