package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"regexp"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/fsm"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
)

// textInfo is a table or a users file in a list. A built-in table has a title, and neither revision nor times.
type textInfo struct {
	Name      string        `json:"name"`
	Owner     aaa.AccountID `json:"owner"`
	Title     string        `json:"title,omitempty"`
	Share     *bool         `json:"share,omitempty"` // of users files: documents of accounts below see it
	Revision  int64         `json:"revision,omitempty"`
	CreatedAt time.Time     `json:"created_at,omitzero"`
	UpdatedAt time.Time     `json:"updated_at,omitzero"`
}

// tableView is a table as answers show it: what a list tells, and the members of its JSON form.
type tableView struct {
	textInfo
	ID       string       `json:"id,omitempty"`
	Events   []fsm.Named  `json:"events,omitempty"`
	States   []fsm.Origin `json:"states"`
	Comments []string     `json:"comments,omitempty"`
}

// asRead are the members of a view that mean nothing in an upload: what was read can be written back.
var asRead = []string{"owner", "title", "revision", "created_at", "updated_at"}

func infoOf(t store.Text) textInfo {
	var share *bool
	if t.Kind == store.TextUsers {
		share = new(bool)
		*share = !t.Closed
	}
	return textInfo{Share: share, Name: t.Name, Owner: t.Account, Revision: t.Revision, CreatedAt: t.CreatedAt.UTC(), UpdatedAt: t.UpdatedAt.UTC()}
}

func infoOfBuiltIn(b fsm.BuiltInTable) textInfo {
	return textInfo{Name: b.Name, Owner: aaa.SystemConfig, Title: b.Title}
}

func viewTable(info textInfo, s *fsm.Source) tableView {
	v := tableView{info, s.ID, s.Events, s.States, s.Comments}
	if v.States == nil {
		v.States = []fsm.Origin{}
	}
	return v
}

// textName is what names of tables and users files look like.
var textName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// listTables lists the account's own tables, or with ?system=true the built-in ones.
func (a *API) listTables(c *web.Call) error {
	system, err := c.Flag("system")
	if err != nil {
		return err
	}
	if system {
		key := func(b fsm.BuiltInTable) string { return b.Name }
		return web.ServeList(c, web.SlicePage(fsm.BuiltIns(), key), key, func(b fsm.BuiltInTable) any { return infoOfBuiltIn(b) })
	}
	return a.listTexts(c, store.TextFSM)
}

// listTexts lists the account's tables or users files.
func (a *API) listTexts(c *web.Call, kind store.TextKind) error {
	key := func(t store.Text) string { return t.Name }
	return web.ServeList(c, listOrMemory(a, c, func(ctx context.Context, p store.Page) ([]store.Text, string, error) {
		return a.Store.Texts().List(ctx, c.Account(), kind, p)
	}, func() ([]store.Text, error) { return a.Tree.Texts(c.Account(), kind) }, key), key, func(t store.Text) any { return infoOf(t) })
}

// addressOf is where a table or users file is read.
func addressOf(t store.Text) string {
	return "/v2/accounts/" + string(t.Account) + "/aaa/" + string(t.Kind) + "/" + t.Name
}

// text finds the table or users file that the path names.
func (a *API) text(c *web.Call, kind store.TextKind) (store.Text, error) {
	name := c.Param("name")
	if !textName.MatchString(name) {
		return store.Text{}, store.ErrNotFound
	}
	return a.Store.Texts().Get(c.Context(), c.Account(), kind, name)
}

// tableOf finds an account's own table.
func (a *API) tableOf(c *web.Call, account aaa.AccountID, name string) (store.Text, error) {
	if !textName.MatchString(name) {
		return store.Text{}, store.ErrNotFound
	}
	return orMemory(a, c, account, func(ctx context.Context) (store.Text, error) {
		return a.Store.Texts().Get(ctx, account, store.TextFSM, name)
	}, func() (store.Text, error) { return a.Tree.StoredTable(account, name) })
}

// builtIn finds a built-in table as if it were stored.
func builtIn(name string) (textInfo, string, bool) {
	for _, b := range fsm.BuiltIns() {
		if b.Name == name {
			return infoOfBuiltIn(b), b.Text, true
		}
	}
	return textInfo{}, "", false
}

// The forms in which a table can be read, the first where Accept names none.
const (
	formText     = "text/plain"
	formGraphviz = "text/vnd.graphviz"
	formMermaid  = "text/vnd.mermaid"
)

var tableForms = []string{web.FormJSON, formText, formGraphviz, formMermaid}

// formSuffix is the name of a form in the entity tag.
var formSuffix = map[string]string{formText: "text", formGraphviz: "graphviz", formMermaid: "mermaid"}

// getTable gives one of the account's own tables or a built-in one, in the form that Accept asks for.
func (a *API) getTable(c *web.Call) error {
	var info textInfo
	t, err := a.tableOf(c, c.Account(), c.Param("name"))
	body := t.Body
	switch {
	case aaa.KindOf(err) == aaa.KindNotFound:
		var ok bool
		if info, body, ok = builtIn(c.Param("name")); !ok {
			return err
		}
	case err != nil:
		return err
	default:
		info = infoOf(t)
	}
	form := c.Accepted(tableForms...)
	c.Header().Set("Vary", "Accept")
	etag := ""
	if info.Revision > 0 { // a built-in table changes with the service alone
		etag = web.ETagOfForm(info.Revision, formSuffix[form])
		if done, err := c.NotModified(etag); done || err != nil {
			return err
		}
	}
	if err := c.Heavy(len(body)); err != nil {
		return err
	}
	if form == web.FormJSON {
		source, _ := fsm.ParseText([]byte(body)) // what could be read, should a later version read less
		return c.Reply(web.Answer{Data: viewTable(info, source), Revision: info.Revision})
	}
	if form != formText {
		table, err := a.compiled(body)
		if err != nil {
			return err
		}
		if body = table.Dot(); form == formMermaid {
			body = table.Mermaid()
		}
	}
	if etag != "" {
		c.Header()["Etag"] = []string{etag}
	}
	c.Send(http.StatusOK, form+"; charset=utf-8", []byte(body))
	return nil
}

// compiled is a stored table ready for use.
func (a *API) compiled(text string) (*fsm.Table, error) {
	t, faults, _ := fsm.Check([]byte(text), a.Actions)
	if t == nil {
		e := aaa.Errorf(aaa.KindConflict, "the stored table no longer compiles")
		e.Fields = faultFields(faults)
		return nil, e
	}
	return t, nil
}

// targetName is the name under which an upload is stored: of the path, else of the query
// or of the body, which is inside. They must not disagree.
func targetName(c *web.Call, inside string) (string, error) {
	name := cmp.Or(c.Param("name"), c.Query().Get("name"), inside)
	switch {
	case name == "":
		return "", aaa.Invalid(aaa.Field{Path: "name", Rule: "required", Message: "is needed: in the query, or in JSON as a member"})
	case inside != "" && inside != name:
		return "", aaa.Invalid(aaa.Field{Path: "name", Rule: "conflict", Message: "the URL has the name " + web.Quote(name) + ", the body " + web.Quote(inside)})
	case !textName.MatchString(name):
		return "", aaa.Invalid(aaa.Field{
			Path: "name", Rule: "pattern", Target: textName.String(), Value: name,
			Message: "must be 1 to 64 letters, digits or _.- and begin with a letter or a digit",
		})
	}
	return name, nil
}

// writableTable refuses the names that no account can give to a table.
func writableTable(name string) error {
	if name == "check" {
		return aaa.Invalid(aaa.Field{Path: "name", Rule: "reserved", Message: "no table can be named check: the address stands for the check of tables", Value: name})
	}
	if _, ok := fsm.BuiltIn(name); ok {
		return web.Conflict("name", "built_in", "the built-in table "+name+" cannot be changed, and no other table can have its name", nil)
	}
	return nil
}

// writtenTable is the table of the body as it is to be stored, with its name; what does not compile is refused.
func (a *API) writtenTable(c *web.Call) (*sentTable, store.Text, error) {
	sent, err := a.sentTable(c)
	if err != nil {
		return nil, store.Text{}, err
	}
	name, err := targetName(c, sent.name)
	if err == nil {
		err = writableTable(name)
	}
	if err != nil {
		return nil, store.Text{}, err
	}
	if len(sent.errors) > 0 {
		return nil, store.Text{}, aaa.Invalid(faultFields(sent.errors)...)
	}
	return sent, store.Text{Account: c.Account(), Kind: store.TextFSM, Name: name, Body: sent.text}, nil
}

func (a *API) createTable(c *web.Call) error {
	sent, t, err := a.writtenTable(c)
	if err != nil {
		return err
	}
	made, err := a.Store.Texts().Create(c.Context(), t)
	if err != nil {
		return err
	}
	a.sync(c)
	reply := web.Answer{Data: viewTable(infoOf(made), sent.source), Revision: made.Revision, Warnings: warningsOf(faultWarnings(sent.warnings))}
	return c.Reply(reply.Created(addressOf(made)))
}

func (a *API) replaceTable(c *web.Call) error {
	sent, t, err := a.writtenTable(c)
	if err != nil {
		return err
	}
	return retryStale(c, func() error {
		old, err := a.Store.Texts().Get(c.Context(), c.Account(), store.TextFSM, t.Name)
		if err != nil {
			return err
		}
		if _, err := c.IfMatch(old.Revision); err != nil {
			return err
		}
		got, err := a.Store.Texts().Replace(c.Context(), t, old.Revision)
		if err != nil {
			return err
		}
		a.sync(c)
		return c.Reply(web.Answer{Data: viewTable(infoOf(got), sent.source), Revision: got.Revision, Warnings: warningsOf(faultWarnings(sent.warnings))})
	})
}

func (a *API) deleteTable(c *web.Call) error {
	if err := writableTable(c.Param("name")); err != nil {
		return err
	}
	return a.deleteText(c, store.TextFSM)
}

// deleteText deletes the table or users file that the path names.
func (a *API) deleteText(c *web.Call, kind store.TextKind) error {
	old, err := a.text(c, kind)
	if err != nil {
		return err
	}
	revision, err := c.IfMatch(old.Revision)
	if err != nil {
		return err
	}
	if err := a.Store.Texts().Delete(c.Context(), c.Account(), kind, old.Name, revision); err != nil {
		return err
	}
	a.sync(c)
	return c.Reply(web.Answer{Data: infoOf(old)})
}
