package httpapi

import (
	"fmt"
	"net/http"
	"slices"

	"aaa-api/internal/aaa"
	"aaa-api/internal/schema"
	"aaa-api/internal/store"
)

// usersView is a users file as answers show it: password hashes masked.
type usersView struct {
	textInfo
	Text string `json:"text"`
}

func (a *API) listUsers(c *call) error { return a.listTexts(c, store.TextUsers) }

// getUsers gives a users file as text or JSON, as Accept asks for.
func (a *API) getUsers(c *call) error {
	f, err := a.text(c, store.TextUsers)
	if err != nil {
		return err
	}
	form := accepted(c.r, formJSON, formText)
	c.Header().Set("Vary", "Accept")
	etag := etagOfForm(f.Revision, formSuffix[form])
	if done, err := c.notModified(etag); done || err != nil {
		return err
	}
	if err := c.heavy(len(f.Body)); err != nil {
		return err
	}
	masked, err := a.Service.MaskUsers(c.ctx(), c.account, f.Name, f.Body)
	if err != nil {
		return err
	}
	if form == formJSON {
		return c.reply(answer{data: usersView{infoOf(f), masked}, revision: f.Revision})
	}
	c.Header()["Etag"] = []string{etag}
	c.send(http.StatusOK, textType, []byte(masked))
	return nil
}

func (a *API) createUsers(c *call) error {
	f, text, share, err := c.sentUsers()
	if err != nil {
		return err
	}
	f.Closed = share != nil && !*share
	var masked string
	if f.Body, masked, err = a.Service.MergeUsers(c.ctx(), c.account, f.Name, text, ""); err != nil {
		return err
	}
	made, err := a.Store.Texts().Create(c.ctx(), f)
	if err != nil {
		return err
	}
	c.sync()
	return c.reply(answer{data: usersView{infoOf(made), masked}, revision: made.Revision}.created(addressOf(made)))
}

// replaceUsers makes the next revision of a users file. The write is always conditional
// on the revision that it was made from: masked passwords are kept from that one.
func (a *API) replaceUsers(c *call) error {
	f, text, share, err := c.sentUsers()
	if err != nil {
		return err
	}
	return c.retryStale(func() error {
		old, err := a.Store.Texts().Get(c.ctx(), c.account, store.TextUsers, f.Name)
		if err != nil {
			return err
		}
		if _, err := c.ifMatch(old.Revision); err != nil {
			return err
		}
		if f.Closed = old.Closed; share != nil { // what says nothing of it opens no file
			f.Closed = !*share
		}
		var masked string
		if f.Body, masked, err = a.Service.MergeUsers(c.ctx(), c.account, f.Name, text, old.Body); err != nil {
			return err
		}
		got, err := a.Store.Texts().Replace(c.ctx(), f, old.Revision)
		if err != nil {
			return err
		}
		c.sync()
		return c.reply(answer{data: usersView{infoOf(got), masked}, revision: got.Revision})
	})
}

func (a *API) deleteUsers(c *call) error { return a.deleteText(c, store.TextUsers) }

// sentUsers reads a users file from the body: text, or JSON with the members text, name and share. What else came with it
// when it was read means nothing. share is nil where neither query nor body says it.
func (c *call) sentUsers() (f store.Text, text string, share *bool, err error) {
	var inside string
	if isText(c.r) {
		text = string(c.body)
	} else if inside, text, share, err = c.jsonUsers(); err != nil {
		return f, "", nil, err
	}
	if c.query.Has("share") {
		asked, err := c.flag("share")
		if err != nil {
			return f, "", nil, err
		}
		if share != nil && *share != asked {
			return f, "", nil, aaa.Invalid(aaa.Field{Path: "share", Rule: "conflict", Message: "the query and the body disagree"})
		}
		share = &asked
	}
	name, err := c.targetName(inside)
	if err != nil {
		return f, "", nil, err
	}
	return store.Text{Account: c.account, Kind: store.TextUsers, Name: name}, text, share, nil
}

func (c *call) jsonUsers() (name, text string, share *bool, err error) {
	data, err := c.data()
	if err != nil {
		return "", "", nil, err
	}
	var faults []aaa.Field
	for member, v := range data {
		switch {
		case member == "name":
			if name, err = nameMember(v); err != nil {
				return "", "", nil, err
			}
		case member == "share":
			b, ok := v.(bool)
			if !ok {
				faults = append(faults, aaa.Field{Path: "share", Rule: "type", Message: "must be true or false", Target: "boolean"})
			}
			share = &b
		case member == "text" || slices.Contains(asRead, member):
		default:
			faults = append(faults, aaa.Field{Path: member, Rule: "unknown", Message: schema.Unknown("there is no such member", member, []string{"name", "text", "share"})})
		}
	}
	v, given := data["text"]
	text, ok := v.(string)
	switch {
	case !given:
		faults = append(faults, aaa.Field{Path: "text", Rule: "required", Message: "is needed"})
	case !ok:
		faults = append(faults, aaa.Field{Path: "text", Rule: "type", Message: "must be a string", Target: "string"})
	case int64(len(text)) > c.api.Limits.TextBody:
		faults = append(faults, aaa.Field{Path: "text", Rule: "maxLength", Message: fmt.Sprintf("must have at most %d octets", c.api.Limits.TextBody), Target: c.api.Limits.TextBody})
	}
	if faults != nil {
		return "", "", nil, aaa.Invalid(faults...)
	}
	return name, text, share, nil
}
