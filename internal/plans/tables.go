package plans

import (
	"context"
	"slices"
	"strings"
	"unique"

	"aaa-api/internal/aaa"
	"aaa-api/internal/fsm"
	"aaa-api/internal/store"
	"aaa-api/internal/translate"
	"aaa-api/internal/usersfile"
)

// DefaultTable is the built-in table that an operation runs by where the document names none.
const DefaultTable = "sequential"

// DefaultUsersFile is the users file that the action FILE reads where a line names none.
const DefaultUsersFile = "users"

// fileActions are the actions whose Xstring names a users file.
var fileActions = []string{"FILE", "COMMAND"}

// Table is a state machine table that a document names, found.
type Table struct {
	Name     string
	Owner    aaa.AccountID // aaa.SystemConfig for a built-in one
	Revision int64         // 0 for a built-in one
	FSM      *fsm.Table
}

// machine resolves the tables that a document names, and the users files that those name: first of
// chain[0], then up the tree.
func (t *Cache) machine(level *CompiledDocument, chain []link, doc *aaa.Document) {
	for op := range aaa.Op(aaa.NumOps) {
		name := doc.Table(op)
		if name == "" {
			continue
		}
		name = unique.Make(name).Value() // one text for all who name it
		level.TableNames[op] = name
		if i := slices.Index(level.TableNames[:op], name); i >= 0 {
			level.Tables[op] = level.Tables[i]
			continue
		}
		table := t.resolveTable(level, chain, name)
		level.Tables[op] = table
		if table != nil {
			t.files(level, chain, table)
		}
	}
	level.Realms = realms(doc.Realms)
}

// resolveTable finds a table by name. nil is the built-in sequential: named, or in the place of a
// table that is gone (the store refuses to delete one in use; an import or a restored backup may lack
// it) or can't be used.
func (t *Cache) resolveTable(level *CompiledDocument, chain []link, name string) *Table {
	for _, l := range chain {
		if table, ok := l.state.tables[name]; ok && table.compiled != nil {
			return &Table{Name: name, Owner: l.node.id, Revision: table.revision, FSM: table.compiled}
		}
	}
	if name == DefaultTable { // written out, it is what it is unsaid
		return nil
	}
	text, ok := fsm.BuiltIn(name)
	if !ok {
		t.log.Warn("document names a state machine table that is gone: the built-in one runs instead", "account", level.Account, "table", name)
		return nil
	}
	compiled, err := t.compileTable(text)
	if err != nil {
		t.log.Error("built-in state machine table does not compile", "table", name, "error", err)
		return nil
	}
	return &Table{Name: name, Owner: aaa.SystemConfig, FSM: compiled}
}

// files finds the users files that a table names, and the one that it need not name.
func (t *Cache) files(level *CompiledDocument, chain []link, table *Table) {
	names := []string{DefaultUsersFile}
	for _, action := range fileActions {
		names = append(names, table.FSM.Xstrings(action)...)
	}
	for _, name := range names {
		if slices.Contains(level.fileNames, name) {
			continue
		}
		level.fileNames = append(level.fileNames, name)
		file := fileOf(chain, name)
		if file == nil {
			if name != DefaultUsersFile {
				t.log.Warn("state machine table names a users file that is not there", "account", level.Account, "table", table.Name, "file", name)
			}
			continue
		}
		if level.Files == nil {
			level.Files = make(map[string]*usersfile.File)
		}
		level.Files[name] = file
	}
}

// fileOf is the nearest users file of a name that the document of chain[0] sees; nil if there is none.
func fileOf(chain []link, name string) *usersfile.File {
	for i, l := range chain {
		if f, ok := l.state.files[name]; ok && f.parsed != nil && (i == 0 || !f.stored.Closed) {
			return f.parsed
		}
	}
	return nil
}

// realms copies a document's rules, their realms in lower case.
func realms(rules map[string]map[string]string) map[string]map[string]string {
	if len(rules) == 0 {
		return nil
	}
	lower := make(map[string]map[string]string, len(rules))
	for name, rule := range rules {
		targets := make(map[string]string, len(rule))
		for realm, target := range rule {
			targets[strings.ToLower(realm)] = target
		}
		lower[name] = targets
	}
	return lower
}

// hasTables reports whether any operation runs by a table that the document names.
func (l *CompiledDocument) hasTables() bool { return l.Tables != [aaa.NumOps]*Table{} }

// uses calls fn with every name that a CompiledDocument was made by looking for, found or not, perhaps more than once.
func (l *CompiledDocument) uses(fn func(used) bool) {
	for i := range l.Dicts {
		if !fn(used{store.ChangedDictionary, l.Dicts[i].Name}) {
			return
		}
	}
	for _, name := range l.TableNames {
		if name != "" && !fn(used{store.ChangedFSM, name}) {
			return
		}
	}
	for _, name := range l.fileNames {
		if !fn(used{store.ChangedUsers, name}) {
			return
		}
	}
}

// UserName returns the user's name of a request: raw as the caller wrote it, sent as the operation's
// rule for User-Name, or else user of TACACS+, takes it (see translate.Program.Value). Without such a rule both are the
// request's key User-Name. A device's request has it in its attributes, whatever the rules are, unless the document says client_rules. An
// authz request that brings none has the document's, but not that of a device: what a device asks for nobody is not to be permitted
// by somebody's rights. sent is empty where there is no name, or none that
// could be sent. Errors are those of translate.Binding.Out.
func (l *CompiledDocument) UserName(ctx context.Context, req *aaa.Request, budget *translate.Budget) (raw, sent string, err error) {
	var brought bool
	if l.AsSent(req) {
		raw, brought = req.Device.User()
		sent = raw
	} else {
		raw, sent, brought, err = l.value(ctx, req.Op, req.Values, budget, "User-Name", "user")
	}
	if !brought && req.Op == aaa.Authz && req.Device == nil && l.AuthzUsername != "" {
		return l.AuthzUsername, l.AuthzUsername, nil
	}
	return raw, sent, err
}

// Password returns the clear-text password of a request as the operation's rule for User-Password, or else
// password of TACACS+, takes it, without one the request's key User-Password. An authz request that brings none has the document's.
// Errors are those of translate.Binding.Out.
func (l *CompiledDocument) Password(ctx context.Context, req *aaa.Request, budget *translate.Budget) (sent string, err error) {
	var brought bool
	if l.AsSent(req) {
		sent, brought = req.Device.Password()
	} else {
		_, sent, brought, err = l.value(ctx, req.Op, req.Values, budget, "User-Password", "password")
	}
	if !brought && req.Op == aaa.Authz {
		return l.AuthzPassword.Reveal(), nil
	}
	return sent, err
}

// AsSent reports whether a request is a network device's whose attributes the document's rules are not for.
func (l *CompiledDocument) AsSent(req *aaa.Request) bool { return req.Device != nil && !l.ClientRules }

// value is what the rules take for one of two attributes: the first that the request brings. Without a rule for either
// it is the request's key of the first one's name.
func (l *CompiledDocument) value(ctx context.Context, op aaa.Op, values map[string]any, budget *translate.Budget, radius, tacacs string) (raw, sent string, brought bool, err error) {
	ruled := false
	if p := l.programs[op]; p != nil {
		for _, attribute := range []string{radius, tacacs} {
			if p.Brings(attribute, values) {
				raw, sent, _, err := p.Value(ctx, attribute, values, budget)
				return raw, sent, true, err
			}
			ruled = ruled || p.Key(attribute) != ""
		}
	}
	value, brought := values[radius]
	if ruled || !brought {
		return "", "", false, nil
	}
	text, _ := translate.FirstText(value)
	if list, ok := value.([]any); ok && len(list) > 1 {
		return text, "", true, nil // no request has room for both
	}
	return text, text, true, nil
}
