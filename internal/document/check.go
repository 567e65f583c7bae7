package document

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/store"
	"aaa-api/internal/translate"
)

// lists and sections are the members of each operation.
var (
	lists    = [aaa.NumOps]string{"authentication", "authorization", "accounting", "custom"}
	sections = [aaa.NumOps]string{"authn_avp_translation", "authz_avp_translation", "accounting_avp_translation", "custom_avp_translation"}
)

// check runs the checks that a schema can't make, over a document that its schema accepts.
type check struct {
	ctx     context.Context //nolint:containedctx // lives as long as one call of Prepare
	account aaa.AccountID
	doc     *aaa.Document
	prepare *Preparer

	faults   []aaa.Field
	uses     []store.Ref
	found    map[string]*dict.Compiled // dictionaries by name
	programs [aaa.NumOps]*translate.Program
	tables   []namedTable // each table that the document names, once a place
}

// run collects the faults. Its error is one of the catalog, not of the document.
func (c *check) run() error {
	c.servers()
	c.names()
	c.nas()
	c.octets("authz_username", c.doc.AuthzUsername, maxUserName)
	c.octets("authz_password", c.doc.AuthzPassword.Reveal(), maxPassword)
	c.blocks("block_accounting", c.doc.BlockAccounting)
	c.blocks("block_authz", c.doc.BlockAuthz)
	c.providers()
	c.realms()
	if err := c.dictionaries(); err != nil {
		return err
	}
	if err := c.machine(); err != nil {
		return err
	}
	if err := c.rules(); err != nil {
		return err
	}
	c.bans()
	return nil
}

func (c *check) fault(path, rule, message string, value any) {
	c.faults = append(c.faults, aaa.Field{Path: path, Rule: rule, Message: message, Value: value})
}

func (c *check) servers() {
	first := make(map[string]int, len(c.doc.Servers))
	for i := range c.doc.Servers {
		s := &c.doc.Servers[i]
		at := "servers." + strconv.Itoa(i)
		if j, taken := first[s.Name]; taken {
			c.fault(at+".name", "unique", fmt.Sprintf("servers.%d has the same name", j), s.Name)
		} else {
			first[s.Name] = i
		}
		if !validAddress(s.Address) {
			c.fault(at+".address", "address", "must be the IP address of a host or a host name", s.Address)
		}
		if name := s.TLS.ServerName; name != "" && !validAddress(name) { // it goes out in the handshake as it is
			c.fault(at+".tls.server_name", "address", "must be a host name or the IP address of a host", name)
		}
		c.transport(at, s)
		c.octets(at+".health_check.username", s.HealthCheck.Username, maxUserName)
		c.octets(at+".health_check.password", s.HealthCheck.Password.Reveal(), maxPassword)
		if s.HealthCheck.Type == "user" {
			if s.HealthCheck.Username == "" {
				c.fault(at+".health_check.username", "required", "is required with type user", nil)
			}
			if s.HealthCheck.Password.IsZero() {
				c.fault(at+".health_check.password", "required", "is required with type user", nil)
			}
		}
	}
}

// The longest user name and password in octets that every protocol takes: those of RADIUS (RFC 2865 §5, §5.2).
const (
	maxUserName = 253
	maxPassword = 128
)

// octets holds a text to what an attribute takes: a schema counts characters. A password that is
// kept stands as aaa.Mask, and was held to it when it was new.
func (c *check) octets(path, text string, most int) {
	if len(text) > most {
		c.faults = append(c.faults, aaa.Field{
			Path: path, Rule: "maxLength", Message: fmt.Sprintf("must have at most %d octets in UTF-8", most), Target: most,
		})
	}
}

// names holds the operations' lists to the servers that there are.
func (c *check) names() {
	for op, list := range lists {
		for i, name := range c.doc.ServerNames(aaa.Op(op)) {
			if !c.hasServer(name) {
				c.fault(list+"."+strconv.Itoa(i), "exists", fmt.Sprintf("no server of the document is named %q", name), name)
			}
		}
	}
}

func (c *check) hasServer(name string) bool {
	return slices.ContainsFunc(c.doc.Servers, func(s aaa.Server) bool { return s.Name == name })
}

func (c *check) nas() {
	if a, err := netip.ParseAddr(c.doc.NASAddress); err != nil || a.Zone() != "" {
		c.fault("nas_address", "address", "must be an IP address", c.doc.NASAddress)
	}
	if _, ok := c.doc.NASPort.Number(); !ok {
		c.faults = append(c.faults, aaa.Field{
			Path: "nas_port", Rule: "maximum", Message: "must be at most 4294967295",
			Target: uint32(1<<32 - 1), Value: string(c.doc.NASPort),
		})
	}
}

// blocks wants one direction and one locality in each channel; the schema saw
// to two different words of the four.
func (c *check) blocks(member string, list []aaa.Block) {
	for i, b := range list {
		direction := slices.Contains(b.Channel, "inbound") || slices.Contains(b.Channel, "outbound")
		locality := slices.Contains(b.Channel, "internal") || slices.Contains(b.Channel, "external")
		if !direction || !locality {
			c.fault(fmt.Sprintf("%s.%d.channel", member, i), "channel",
				"must hold one direction (inbound, outbound) and one locality (internal, external)", nil)
		}
	}
}

func (c *check) providers() {
	for name, p := range c.doc.AuthzProviders {
		u, err := url.Parse(p.URL)
		ok := err == nil && (u.Scheme == "http" || u.Scheme == "https") && validAddress(u.Hostname()) &&
			u.User == nil && u.Fragment == "" && validURLPort(u.Port())
		if !ok { // the URL is not repeated: it may hold a password
			c.fault("authz_providers."+name+".url", "url", "must be an http or https URL with a host, without user information and fragment", nil)
		}
	}
}

// dictionaries looks every name up once.
func (c *check) dictionaries() error {
	c.found = make(map[string]*dict.Compiled)
	for i := range c.doc.Servers {
		for j, name := range c.doc.Servers[i].Dicts {
			compiled, seen := c.found[name]
			if !seen {
				var ref *store.Ref
				var err error
				compiled, ref, err = c.prepare.catalog.Lookup(c.ctx, c.account, name)
				if err != nil && !errors.Is(err, store.ErrNotFound) {
					return err
				}
				if err != nil {
					compiled = nil
				} else if ref != nil {
					c.uses = append(c.uses, *ref)
				}
				c.found[name] = compiled
			}
			if compiled == nil {
				c.fault(fmt.Sprintf("servers.%d.dicts.%d", i, j), "exists", fmt.Sprintf("the account sees no dictionary named %q", name), name)
			}
		}
	}
	return nil
}

// rules compiles the translation sections.
func (c *check) rules() error {
	for op, section := range sections {
		program, err := translate.Compile(section, c.doc.Rules(aaa.Op(op)))
		if err == nil {
			c.programs[op] = program
			continue
		}
		var e *aaa.Error
		if !errors.As(err, &e) || e.Kind != aaa.KindBadInput || len(e.Fields) == 0 {
			return err
		}
		c.faults = append(c.faults, e.Fields...)
	}
	return nil
}
