package document

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"aaa-api/internal/aaa"
	"aaa-api/internal/fsm"
	"aaa-api/internal/store"
)

// kinds are the kinds of request of each operation.
var kinds = [aaa.NumOps][]fsm.Event{
	aaa.Authn:      {fsm.AUTHEN, fsm.REACCESS, fsm.AuthOnly, fsm.PASSWD},
	aaa.Authz:      {fsm.AUTHZ},
	aaa.Accounting: {fsm.ACCT, fsm.AcctStart, fsm.AcctStop, fsm.AcctAlive, fsm.AcctOn, fsm.AcctOff},
	aaa.Custom:     {fsm.CUSTOM},
}

// sending are the actions whose Xstring names a server or a list.
var sending = []string{"RAD2RAD", "RADDNS"}

// namedTable is a table at a place of the document.
type namedTable struct {
	path  string
	name  string
	table *fsm.Table // nil where there is none
	ops   []aaa.Op
}

// machine looks every table up once.
func (c *check) machine() error {
	if name := c.doc.FSM.All; name != "" {
		c.tables = append(c.tables, namedTable{path: "fsm", name: name, ops: []aaa.Op{aaa.Authn, aaa.Authz, aaa.Accounting, aaa.Custom}})
	}
	for op, name := range c.doc.FSM.Each {
		if name != "" {
			c.tables = append(c.tables, namedTable{path: "fsm." + aaa.Op(op).String(), name: name, ops: []aaa.Op{aaa.Op(op)}})
		}
	}
	found := make(map[string]*fsm.Table)
	for i := range c.tables {
		t := &c.tables[i]
		var seen bool
		if t.table, seen = found[t.name]; !seen {
			table, ref, err := c.prepare.catalog.Table(c.ctx, c.account, t.name)
			switch {
			case err == nil:
				t.table = table
				if ref != nil {
					c.uses = append(c.uses, *ref)
				}
			case !errors.Is(err, store.ErrNotFound):
				return err
			}
			found[t.name] = t.table
		}
		if t.table == nil {
			c.fault(t.path, "exists", fmt.Sprintf("the account sees no state machine table named %q", t.name), t.name)
		}
	}
	return nil
}

// realms holds the targets of realm rules to the servers and lists that there are, and realms to one spelling.
func (c *check) realms() {
	for _, rule := range slices.Sorted(maps.Keys(c.doc.Realms)) {
		seen := make(map[string]string)
		for _, realm := range slices.Sorted(maps.Keys(c.doc.Realms[rule])) {
			path := "realms." + rule + "." + realm
			lower := strings.ToLower(realm)
			if other, twice := seen[lower]; twice {
				c.fault(path, "unique", "the rule has this realm already, as "+other, nil)
			}
			seen[lower] = realm
			if target := c.doc.Realms[rule][realm]; !c.isTarget(target) {
				c.fault(path, "exists", fmt.Sprintf("neither a server of the document nor a list (authentication, authorization, accounting, custom) is named %q", target), target)
			}
		}
	}
}

// isTarget reports whether a name is of a server of the document or of one of its lists.
func (c *check) isTarget(name string) bool {
	return slices.Contains(lists[:], name) || c.hasServer(name)
}

// targets collects what realm rules and lines of tables send requests to.
func (c *check) targets() map[string]bool {
	names := make(map[string]bool)
	for _, rule := range c.doc.Realms {
		for _, target := range rule {
			names[target] = true
		}
	}
	for _, t := range c.tables {
		for _, action := range sending {
			for _, name := range t.table.Xstrings(action) {
				names[name] = true
			}
		}
	}
	return names
}

// warnTables tells where a table asks for what the document or the account does not have.
func (c *check) warnTables(warn func(path, rule, message string)) error {
	for _, t := range c.tables {
		c.warnKinds(t, warn)
		for _, action := range sending {
			for _, name := range t.table.Xstrings(action) {
				if !c.isTarget(name) {
					warn(t.path, "unknown_server", "a line of the table sends "+action+" to "+name+", which is neither a server of the document nor a list")
				}
			}
		}
		for _, rule := range t.table.Xstrings("REALM") {
			if _, ok := c.doc.Realms[rule]; !ok {
				warn(t.path, "unknown_rule", "a line of the table goes by the rule "+rule+", which realms does not hold")
			}
		}
		for _, file := range append(t.table.Xstrings("FILE"), t.table.Xstrings("COMMAND")...) {
			sees, err := c.prepare.catalog.UsersFile(c.ctx, c.account, file)
			if err != nil {
				return err
			}
			if !sees {
				warn(t.path, "unknown_file", "a line of the table looks into the users file "+file+", and the account sees none of this name")
			}
		}
	}
	return nil
}

// warnKinds tells of operations whose requests the table has no line for.
func (c *check) warnKinds(t namedTable, warn func(path, rule, message string)) {
	var unhandled []string
	for _, op := range t.ops {
		if !slices.ContainsFunc(kinds[op], t.table.Takes) {
			unhandled = append(unhandled, op.String())
		}
	}
	if len(unhandled) > 0 {
		warn(t.path, "unhandled", "the table's first state has no line for requests of "+strings.Join(unhandled, ", "))
	}
}
