package document

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
)

// maxWarnings bounds the warnings of one answer.
const maxWarnings = 200

// warnings tells what will not do what its writer may think, in a document without faults. Its error is
// one of the catalog.
func (c *check) warnings() ([]Warning, error) {
	var list []Warning
	warn := func(path, rule, message string) {
		if len(list) < maxWarnings {
			list = append(list, Warning{Path: path, Rule: rule, Message: message})
		}
	}
	c.warnServers(warn)
	if err := c.warnClosed(warn); err != nil {
		return nil, err
	}
	c.warnApps(warn)
	sets := make(map[string]*dict.Set)
	for op := range sections {
		c.warnAttributes(aaa.Op(op), sets, warn)
		warnShadowed(sections[op], c.doc.Rules(aaa.Op(op)), warn)
		warnReserved(sections[op], c.doc.Rules(aaa.Op(op)), warn)
	}
	err := c.warnTables(warn)
	return list, err
}

func (c *check) warnServers(warn func(path, rule, message string)) {
	used := c.targets()
	for op := range lists {
		for _, name := range c.doc.ServerNames(aaa.Op(op)) {
			used[name] = true
		}
	}
	for i := range c.doc.Servers {
		s := &c.doc.Servers[i]
		at := "servers." + strconv.Itoa(i)
		if !c.prepare.engines.Has(s.Engine) {
			warn(at+".aaa_engine", "engine", "this service does not speak "+s.Engine+" yet: the server counts as one that does not answer")
		}
		if silent := time.Duration(s.Timeout) * time.Millisecond * time.Duration(s.Retries+1); c.prepare.deadline > 0 && silent >= c.prepare.deadline {
			warn(at+".timeout", "deadline", fmt.Sprintf("while it does not answer, timeout × (retries + 1) is %v, and a whole request may take %v: servers after this one are not asked", silent, c.prepare.deadline))
		}
		if !used[s.Name] {
			warn(at+".name", "unused", "the server is in no list of an operation, no realm rule, and no table names it")
		}
	}
}

// warnClosed tells of servers whose address the account may not reach. Of names only a request finds out.
func (c *check) warnClosed(warn func(path, rule, message string)) error {
	reach, err := c.prepare.reach(c.ctx, c.account)
	if err != nil {
		return err
	}
	for i := range c.doc.Servers {
		s := &c.doc.Servers[i]
		if addr, err := netip.ParseAddr(s.Address); err == nil && reach.Check(netip.AddrPortFrom(addr, uint16(s.Port))) != nil {
			warn("servers."+strconv.Itoa(i)+".address", "not_allowed",
				"the account may not send to "+net.JoinHostPort(s.Address, strconv.Itoa(s.Port))+": the server counts as one that does not answer until an account above opens it with server_networks")
		}
	}
	return nil
}

func (c *check) warnApps(warn func(path, rule, message string)) {
	for i, name := range c.doc.AuthzApps {
		if name == aaa.Circlemaker {
			continue
		}
		registered := c.prepare.authorizers(c.ctx, name)
		if c.account == aaa.SystemConfig { // about to be replaced by this very document
			_, registered = c.doc.AuthzProviders[name]
		}
		if !registered {
			warn("authz_apps."+strconv.Itoa(i), "unregistered", "the system configuration registers no authoriser of this name: authz requests that need it are refused")
		}
	}
}

// warnAttributes tells of rules whose attribute no strict server has in its
// dictionaries. Those servers count that the operation asks, or all while it asks none.
func (c *check) warnAttributes(op aaa.Op, sets map[string]*dict.Set, warn func(path, rule, message string)) {
	program := c.programs[op]
	if program.Len() == 0 {
		return
	}
	names := c.doc.ServerNames(op)
	var missing []int // rules that none of the servers seen so far has; nil before the first
	strict := 0
	for i := range c.doc.Servers {
		s := &c.doc.Servers[i]
		if s.AVP == aaa.CustomAVP || len(names) > 0 && !slices.Contains(names, s.Name) {
			continue
		}
		unknown := program.Unknown(c.set(s, sets))
		if strict++; strict == 1 {
			missing = unknown
		} else {
			missing = slices.DeleteFunc(missing, func(rule int) bool {
				_, lacks := slices.BinarySearch(unknown, rule)
				return !lacks
			})
		}
	}
	rules := c.doc.Rules(op)
	for _, i := range missing {
		warn(fmt.Sprintf("%s.%d.attribute", sections[op], i), "unknown_attribute",
			fmt.Sprintf("no strict server's dictionaries hold %q: it is not sent", rules[i].Attribute))
	}
}

// set is the dictionaries of a server; servers with the same list share one.
func (c *check) set(s *aaa.Server, sets map[string]*dict.Set) *dict.Set {
	key := strings.Join(s.Dicts, "\x00")
	set, ok := sets[key]
	if !ok {
		list := make([]*dict.Compiled, len(s.Dicts))
		for i, name := range s.Dicts {
			list[i] = c.found[name]
		}
		set = dict.NewSet(list...)
		sets[key] = set
	}
	return set
}

// warnShadowed tells of rules that a later one between the same key and attribute
// repeats. Several rules may feed one attribute, and one key several; but with the same
// regexp one value is sent, or given back, twice.
func warnShadowed(section string, rules []aaa.Rule, warn func(path, rule, message string)) {
	type same struct{ key, attribute, regexp string }
	out, back := make(map[same]int), make(map[same]int)
	for i, r := range rules {
		attribute := strings.ToLower(r.Attribute)
		out[same{r.RequestKey, attribute, r.RequestValue}] = i
		back[same{r.RequestKey, attribute, r.AttrValue}] = i
	}
	for i, r := range rules {
		attribute := strings.ToLower(r.Attribute)
		at := section + "." + strconv.Itoa(i)
		if j := out[same{r.RequestKey, attribute, r.RequestValue}]; j > i {
			warn(at, "shadowed", fmt.Sprintf("rule %d takes the same value of the same key for the same attribute: it is sent twice", j))
		} else if j := back[same{r.RequestKey, attribute, r.AttrValue}]; j > i {
			warn(at, "shadowed", fmt.Sprintf("rule %d takes the same value of the same attribute for the same key: it is given back twice", j))
		}
	}
}

// warnReserved tells of rules whose key is a member that answers have of their own.
func warnReserved(section string, rules []aaa.Rule, warn func(path, rule, message string)) {
	for i, r := range rules {
		if aaa.ReservedKey(r.RequestKey) {
			warn(fmt.Sprintf("%s.%d.request_key", section, i), "reserved",
				fmt.Sprintf("answers have a member %s of their own: the attribute is given back in avps, by its name", r.RequestKey))
		}
	}
}
