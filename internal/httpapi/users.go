package httpapi

import (
	"fmt"
	"net/http"
	"slices"

	"aaa-api/internal/aaa"
	"aaa-api/internal/schema"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
)

// usersView is a users file as answers show it: password hashes masked.
type usersView struct {
	textInfo
	Text string `json:"text"`
}

func (a *API) listUsers(c *web.Call) error { return a.listTexts(c, store.TextUsers) }

// getUsers gives a users file as text or JSON, as Accept asks for.
func (a *API) getUsers(c *web.Call) error {
	f, err := a.text(c, store.TextUsers)
	if err != nil {
		return err
	}
	form := c.Accepted(web.FormJSON, formText)
	c.Header().Set("Vary", "Accept")
	etag := web.ETagOfForm(f.Revision, formSuffix[form])
	if done, err := c.NotModified(etag); done || err != nil {
		return err
	}
	if err := c.Heavy(len(f.Body)); err != nil {
		return err
	}
	masked, err := a.Service.MaskUsers(c.Context(), c.Account(), f.Name, f.Body)
	if err != nil {
		return err
	}
	if form == web.FormJSON {
		return c.Reply(web.Answer{Data: usersView{infoOf(f), masked}, Revision: f.Revision})
	}
	c.Header()["Etag"] = []string{etag}
	c.Send(http.StatusOK, textType, []byte(masked))
	return nil
}

func (a *API) createUsers(c *web.Call) error {
	f, text, share, err := a.sentUsers(c)
	if err != nil {
		return err
	}
	f.Closed = share != nil && !*share
	var masked string
	if f.Body, masked, err = a.Service.MergeUsers(c.Context(), c.Account(), f.Name, text, ""); err != nil {
		return err
	}
	made, err := a.Store.Texts().Create(c.Context(), f)
	if err != nil {
		return err
	}
	a.sync(c)
	return c.Reply(web.Answer{Data: usersView{infoOf(made), masked}, Revision: made.Revision}.Created(addressOf(made)))
}

// replaceUsers makes the next revision of a users file. The write is always conditional
// on the revision that it was made from: masked passwords are kept from that one.
func (a *API) replaceUsers(c *web.Call) error {
	f, text, share, err := a.sentUsers(c)
	if err != nil {
		return err
	}
	return retryStale(c, func() error {
		old, err := a.Store.Texts().Get(c.Context(), c.Account(), store.TextUsers, f.Name)
		if err != nil {
			return err
		}
		if _, err := c.IfMatch(old.Revision); err != nil {
			return err
		}
		if f.Closed = old.Closed; share != nil { // what says nothing of it opens no file
			f.Closed = !*share
		}
		var masked string
		if f.Body, masked, err = a.Service.MergeUsers(c.Context(), c.Account(), f.Name, text, old.Body); err != nil {
			return err
		}
		got, err := a.Store.Texts().Replace(c.Context(), f, old.Revision)
		if err != nil {
			return err
		}
		a.sync(c)
		return c.Reply(web.Answer{Data: usersView{infoOf(got), masked}, Revision: got.Revision})
	})
}

func (a *API) deleteUsers(c *web.Call) error { return a.deleteText(c, store.TextUsers) }

// sentUsers reads a users file from the body: text, or JSON with the members text, name and share. What else came with it
// when it was read means nothing. share is nil where neither query nor body says it.
func (a *API) sentUsers(c *web.Call) (f store.Text, text string, share *bool, err error) {
	var inside string
	if c.IsText() {
		text = string(c.Body())
	} else if inside, text, share, err = a.jsonUsers(c); err != nil {
		return f, "", nil, err
	}
	if c.Query().Has("share") {
		asked, err := c.Flag("share")
		if err != nil {
			return f, "", nil, err
		}
		if share != nil && *share != asked {
			return f, "", nil, aaa.Invalid(aaa.Field{Path: "share", Rule: "conflict", Message: "the query and the body disagree"})
		}
		share = &asked
	}
	name, err := targetName(c, inside)
	if err != nil {
		return f, "", nil, err
	}
	return store.Text{Account: c.Account(), Kind: store.TextUsers, Name: name}, text, share, nil
}

func (a *API) jsonUsers(c *web.Call) (name, text string, share *bool, err error) {
	data, err := c.Data()
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
	case int64(len(text)) > a.Limits.TextBody:
		faults = append(faults, aaa.Field{Path: "text", Rule: "maxLength", Message: fmt.Sprintf("must have at most %d octets", a.Limits.TextBody), Target: a.Limits.TextBody})
	}
	if faults != nil {
		return "", "", nil, aaa.Invalid(faults...)
	}
	return name, text, share, nil
}
