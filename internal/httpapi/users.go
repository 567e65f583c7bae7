package httpapi

import (
	"fmt"
	"net/http"
	"slices"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/operations"
	"aaa-api/internal/schema"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
)

func (a *API) listUsers(c *web.Call) error {
	return web.ServeList(c, listOf(a, c, operations.ListUsers), textKey, textRow)
}

// getUsers gives a users file as text or JSON, as Accept asks for.
func (a *API) getUsers(c *web.Call) error {
	form := c.Accepted(web.FormJSON, formText)
	known, err := c.Known(formSuffix[form])
	if err != nil {
		return err
	}
	f, err := operations.GetUsers.Call(c.Context(), a.Line, fromWaiting(c), operations.KnownUsers{Name: c.Param("name"), Known: known})
	if err != nil {
		return err
	}
	c.Header().Set("Vary", "Accept")
	etag := web.ETagOfForm(f.Revision, formSuffix[form])
	if done, err := c.NotModified(etag); done || err != nil {
		return err
	}
	if form == web.FormJSON {
		return c.Reply(web.Answer{Data: f, Revision: f.Revision})
	}
	c.Header()["Etag"] = []string{etag}
	c.Send(http.StatusOK, textType, []byte(f.Text))
	return nil
}

func (a *API) createUsers(c *web.Call) error {
	sent, err := a.sentUsers(c)
	if err != nil {
		return err
	}
	made, err := operations.CreateUsers.Call(c.Context(), a.Line, from(c), sent)
	if err != nil {
		return advise(err, aaa.KindConflict, "replace it with POST")
	}
	return c.Reply(web.Answer{Data: made, Revision: made.Revision}.Created(addressOf(c, store.TextUsers, made.Name)))
}

// replaceUsers makes the next revision of a users file.
func (a *API) replaceUsers(c *web.Call) error {
	sent, err := a.sentUsers(c)
	if err != nil {
		return err
	}
	expected, err := c.Expected()
	if err != nil {
		return err
	}
	got, err := operations.ReplaceUsers.Call(c.Context(), a.Line, from(c), operations.UsersWritten{Upload: sent, Expected: expected})
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: got, Revision: got.Revision})
}

func (a *API) deleteUsers(c *web.Call) error { return a.deleteText(c, operations.DeleteUsers) }

// sentUsers reads a users file from the body: text, or JSON with the members text, name and share. What else came with it
// when it was read means nothing.
func (a *API) sentUsers(c *web.Call) (sent admin.UsersUpload, err error) {
	if c.IsText() {
		sent.Text = string(c.Body())
	} else if sent, err = a.jsonUsers(c); err != nil {
		return sent, err
	}
	if c.Query().Has("share") {
		asked, err := c.Flag("share")
		if err != nil {
			return sent, err
		}
		if sent.Share != nil && *sent.Share != asked {
			return sent, aaa.Invalid(aaa.Field{Path: "share", Rule: "conflict", Message: "the query and the body disagree"})
		}
		sent.Share = &asked
	}
	sent.Name, err = targetName(c, sent.Name)
	return sent, err
}

func (a *API) jsonUsers(c *web.Call) (sent admin.UsersUpload, err error) {
	data, err := c.Data()
	if err != nil {
		return sent, err
	}
	var faults []aaa.Field
	for member, v := range data {
		switch {
		case member == "name":
			if sent.Name, err = nameMember(v); err != nil {
				return sent, err
			}
		case member == "share":
			b, ok := v.(bool)
			if !ok {
				faults = append(faults, aaa.Field{Path: "share", Rule: "type", Message: "must be true or false", Target: "boolean"})
			}
			sent.Share = &b
		case member == "text" || slices.Contains(asRead, member):
		default:
			faults = append(faults, aaa.Field{Path: member, Rule: "unknown", Message: schema.Unknown("there is no such member", member, []string{"name", "text", "share"})})
		}
	}
	most := a.Limits.TextBody
	v, given := data["text"]
	text, ok := v.(string)
	switch {
	case !given:
		faults = append(faults, aaa.Field{Path: "text", Rule: "required", Message: "is needed"})
	case !ok:
		faults = append(faults, aaa.Field{Path: "text", Rule: "type", Message: "must be a string", Target: "string"})
	case int64(len(text)) > most:
		faults = append(faults, aaa.Field{Path: "text", Rule: "maxLength", Message: fmt.Sprintf("must have at most %d octets", most), Target: most})
	}
	sent.Text = text
	if faults != nil {
		return sent, aaa.Invalid(faults...)
	}
	return sent, nil
}
