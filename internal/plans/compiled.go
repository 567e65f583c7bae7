package plans

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
	"unique"
	"unsafe"

	"aaa-api/internal/aaa"
	"aaa-api/internal/bans"
	"aaa-api/internal/dict"
	"aaa-api/internal/document"
	"aaa-api/internal/egress"
	"aaa-api/internal/engines"
	"aaa-api/internal/limits"
	"aaa-api/internal/translate"
	"aaa-api/internal/usersfile"
)

// CompiledDocument is one document compiled. It is never changed.
type CompiledDocument struct {
	Account  aaa.AccountID
	Revision int64 // 0: the account has no document
	Mode     aaa.Mode
	Lists    [aaa.NumOps][]*Server // usable servers of each operation, in order
	Named    [aaa.NumOps]bool      // the operation's list names any server, usable or not
	Servers  []*Server             // all enabled ones

	*Seldom

	Workers    int
	NASAddress netip.Addr // invalid where the document names none
	NASPort    uint32
	HasNASPort bool
	Dicts      []DictSource    // where each dictionary that the document names was found
	Reach      *egress.Account // where its servers may be; the same for as long as the account is in memory

	limits   *limits.Account
	programs [aaa.NumOps]*translate.Program // nil for an operation that has nothing to ask
}

// Seldom is what few documents have. Those that have none of it share one.
type Seldom struct {
	Tables     [aaa.NumOps]*Table           // what the operations run by; nil: the built-in sequential
	TableNames [aaa.NumOps]string           // as the document names them, also where Tables has nil
	Files      map[string]*usersfile.File   // the users files that the tables may ask, as far as found
	Realms     map[string]map[string]string // rule → realm in lower case → server or list

	SessionTimeout  int // seconds an AAA session lasts where the accept does not say; 0: for ever
	InterimInterval int // seconds between interim updates where the accept does not say; 0: none
	CookieTimeout   int // seconds in which a suspended AAA session can be resumed; 0: aaa.DefaultCookieTimeout

	TrackSessions    bool          // accounting of devices keeps AAA sessions
	StoredAccounting bool          // accounting is answered once it is stored
	AccountingKeep   time.Duration // 0: aaa.DefaultAccountingKeep

	Bans *bans.Policy // nil: none

	ClientRules bool // requests of network devices go by the rules too

	BlockAuthz      []Channels
	BlockAccounting []Channels
	AuthzApps       []string
	HiddenKeys      []string // request keys that hold a password or secret: not for external authorisers
	AuthzUsername   string
	AuthzPassword   aaa.Secret
	Providers       map[string]aaa.AuthzProvider // of the system configuration's document

	fileNames []string // users files that the tables may ask, found or not
}

// What most documents have of Seldom.
var (
	plainDocument   = &Seldom{}
	circlemakerOnly = &Seldom{AuthzApps: []string{aaa.Circlemaker}}
)

// shared returns what stands for s from now on.
func (s *Seldom) shared() *Seldom {
	rest := *s
	rest.AuthzApps = nil
	switch {
	case !reflect.ValueOf(rest).IsZero():
		return s
	case len(s.AuthzApps) == 0:
		return plainDocument
	case slices.Equal(s.AuthzApps, circlemakerOnly.AuthzApps):
		return circlemakerOnly
	}
	return s
}

// DictSource is where a dictionary's name led.
type DictSource struct {
	Name     string
	Owner    aaa.AccountID
	Revision int64 // 0 for a system dictionary
	Missing  bool  // deleted behind the document's back (an import, a restored backup)
}

// Server is an enabled server of a CompiledDocument.
type Server struct {
	Name    string
	Address string // host:port, for people
	Engine  string
	Traits  *engines.Traits // of the engine
	Client  engines.Client  // nil where the engine does not exist
	Dict    *dict.Set
	Tally   *Tally // of its address
	// Rules is nil for an operation that doesn't use the server. In a document with a table any
	// operation may use any server.
	Rules [aaa.NumOps]*translate.Binding
	Mode  aaa.AVPMode // of the server's avp member, as its protocol means it
	print fingerprint

	asked   atomic.Int32 // exchanges under way
	trouble atomic.Pointer[Trouble]
}

// Channels is the channel set of a request or of a block_* entry: bits of
// direction and locality.
type Channels uint8

// The members of a channel set.
const (
	Inbound Channels = 1 << iota
	Outbound
	Internal
	External
)

var channelNames = map[string]Channels{
	"inbound": Inbound, "outbound": Outbound, "internal": Internal, "external": External,
}

// Add puts a channel name into the set. It returns false for what is none.
func (c *Channels) Add(name string) bool {
	member, ok := channelNames[name]
	*c |= member
	return ok
}

type bindingKey struct {
	program *translate.Program
	set     *dict.Set
	mode    aaa.AVPMode
}

// compile makes the CompiledDocument of chain[0]'s document. Clients of servers that did not change
// since previous are taken over, with their sockets and health. Other ones go by the lessons.
func (t *Cache) compile(ctx context.Context, chain []link, previous *CompiledDocument, lessons []lesson) (*CompiledDocument, error) {
	own := chain[0]
	level := &CompiledDocument{Account: own.node.id, Mode: aaa.ModeInherit, Seldom: plainDocument, Reach: own.node.reach, limits: own.node.limits}
	if own.state.document == nil {
		return level, nil
	}
	level.Seldom = &Seldom{}
	stored, err := own.state.document.whole(level.Account)
	if err != nil {
		return nil, err
	}
	doc, err := document.Decode(ctx, level.Account, stored.Body, t.opener)
	if err != nil {
		return nil, fmt.Errorf("AAA document of %s: %w", level.Account, err)
	}
	level.Revision = stored.Revision
	level.Mode = doc.Mode
	level.Workers = doc.Workers
	level.SessionTimeout, level.InterimInterval, level.CookieTimeout = doc.SessionTimeout, doc.LocalInterimUpdateInterval, doc.CookieTimeout
	level.TrackSessions = doc.TrackSessions
	level.StoredAccounting = doc.AccountingDelivery == aaa.DeliveryStored
	level.AccountingKeep = time.Duration(doc.AccountingKeep) * time.Second
	level.Bans = bans.NewPolicy(level.Account, doc.Bans)
	level.ClientRules = doc.ClientRules
	level.AuthzApps = doc.AuthzApps
	level.AuthzUsername, level.AuthzPassword = doc.AuthzUsername, doc.AuthzPassword
	level.Providers = doc.AuthzProviders
	level.NASPort, level.HasNASPort = doc.NASPort.Number()
	level.NASAddress, _ = netip.ParseAddr(doc.NASAddress) // checked on write; absent is invalid
	level.BlockAuthz = blocks(doc.BlockAuthz)
	level.BlockAccounting = blocks(doc.BlockAccounting)

	t.machine(level, chain, doc)
	sets := make([]*dict.Set, len(doc.Servers))
	for i := range doc.Servers {
		if sets[i], err = t.set(level, chain, doc.Servers[i].Dicts); err != nil {
			return nil, err
		}
		if doc.Servers[i].Enabled {
			s, err := t.server(level, sets[i], doc.Servers[i], previous, lessons)
			if err != nil {
				return nil, err
			}
			level.Servers = append(level.Servers, s)
		}
	}
	for op := range aaa.Op(aaa.NumOps) {
		if err := t.list(level, doc, op); err != nil {
			return nil, err
		}
	}
	level.HiddenKeys, err = t.hiddenKeys(doc, sets)
	level.Seldom = level.shared()
	return level, err
}

// blocks are the sets of a document's entries. One that says nothing, or what nobody knows, is left
// out: no request's set equals it.
func blocks(list []aaa.Block) []Channels {
	var sets []Channels
	for _, b := range list {
		var set Channels
		if !slices.ContainsFunc(b.Channel, func(name string) bool { return !set.Add(name) }) && set != 0 {
			sets = append(sets, set)
		}
	}
	return sets
}

// server makes one enabled server ready.
func (t *Cache) server(level *CompiledDocument, set *dict.Set, config aaa.Server, previous *CompiledDocument, lessons []lesson) (*Server, error) {
	config.Name, config.Engine = unique.Make(config.Name).Value(), unique.Make(config.Engine).Value() // one text for all who have it
	traits := t.engines.Traits(config.Engine)
	s := &Server{
		Name: config.Name, Dict: set, Engine: config.Engine, Traits: traits, Mode: traits.Mode(config.AVP), print: fingerprintOf(config),
	}
	s.Tally = t.tally(s.Engine, net.JoinHostPort(config.Address, strconv.Itoa(config.Port)))
	s.Address = s.Tally.Server
	var err error
	next := engines.Config{Account: level.Account, Server: config, Limits: level.limits, Reach: level.Reach, Memory: memoryOf(lessons, config.Name)}
	if old := previous.find(config.Name); old != nil {
		if old.print == s.print {
			s.Client = old.Client
			s.trouble.Store(old.trouble.Load())
			return s, nil
		}
		next.Previous = old.Client
	}
	s.Client, err = t.engines.Open(next)
	var failure *engines.Failure
	if errors.As(err, &failure) && failure.Reason == engines.NoEngine {
		return s, nil // may be written; at a request it counts as a failed server
	}
	return s, err
}

func (l *CompiledDocument) find(name string) *Server {
	if l == nil {
		return nil
	}
	for _, s := range l.Servers {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Usable reports whether the document has something to run an operation's requests by: a server, or a table of its own.
func (l *CompiledDocument) Usable(op aaa.Op) bool { return len(l.Lists[op]) > 0 || l.Tables[op] != nil }

// AsksServers reports whether an operation's requests go to servers at all: authz_apps may leave authz to others.
func (l *CompiledDocument) AsksServers(op aaa.Op) bool {
	return op != aaa.Authz || len(l.AuthzApps) == 0 || slices.Contains(l.AuthzApps, aaa.Circlemaker)
}

func (l *CompiledDocument) stance(op aaa.Op) document.Stance {
	return document.Stance{
		Mode: l.Mode, Usable: l.Usable(op), Named: l.Named[op], Table: l.Tables[op] != nil, Others: !l.AsksServers(op),
	}
}

// Server returns an enabled server by name, nil where there is none.
func (l *CompiledDocument) Server(name string) *Server { return l.find(name) }

// list fills an operation's server list and binds its rules to the dictionaries of each
// server that it may use.
func (t *Cache) list(level *CompiledDocument, doc *aaa.Document, op aaa.Op) error {
	names := doc.ServerNames(op)
	level.Named[op] = len(names) > 0
	for _, name := range names {
		if s := level.find(name); s != nil { // else not enabled
			level.Lists[op] = append(level.Lists[op], s)
		}
	}
	bound := level.Lists[op]
	if level.hasTables() {
		bound = level.Servers
	} else if len(bound) == 0 {
		return nil
	}
	program, err := t.program(op, doc.Rules(op))
	if err != nil {
		return err
	}
	level.programs[op] = program
	var hidden []string
	for _, s := range bound {
		s.Rules[op], err = t.bindings.Get(bindingKey{program, s.Dict, s.Mode}, func() (*translate.Binding, error) {
			return program.Bind(s.Dict, s.Mode), nil
		})
		if err != nil {
			return err
		}
		hidden = append(hidden, s.Rules[op].HiddenKeys()...)
	}
	for _, s := range bound {
		s.Rules[op] = s.Rules[op].Hiding(hidden)
	}
	return nil
}

// program compiles a translation section, or finds it compiled.
func (t *Cache) program(op aaa.Op, rules []aaa.Rule) (*translate.Program, error) {
	key, err := json.Marshal(rules)
	if err != nil {
		return nil, err
	}
	section := op.String() + "_avp_translation"
	return t.programs.Get(sha256.Sum256(append([]byte(section), key...)), func() (*translate.Program, error) {
		return translate.Compile(section, rules)
	})
}

// set resolves dictionary names for a document: its own account's, then those up the tree,
// then the system's.
func (t *Cache) set(level *CompiledDocument, chain []link, names []string) (*dict.Set, error) {
	list := make([]*dict.Compiled, 0, len(names))
	var key []byte
	for _, name := range names {
		c, source := t.resolve(chain, name)
		if level.dict(name) == nil {
			level.Dicts = append(level.Dicts, source)
		}
		if c == nil {
			t.log.Warn("document names a dictionary that is gone", "account", level.Account, "dictionary", name)
			continue
		}
		list = append(list, c)
		// The set keeps its dictionaries alive, so no address is used twice while the key stands.
		key = binary.NativeEndian.AppendUint64(key, uint64(uintptr(unsafe.Pointer(c))))
	}
	return t.sets.Get(string(key), func() (*dict.Set, error) { return dict.NewSet(list...), nil })
}

func (t *Cache) resolve(chain []link, name string) (*dict.Compiled, DictSource) {
	name = unique.Make(name).Value() // one text for all who name it
	for _, l := range chain {
		if d, ok := l.state.dicts[name]; ok && d.compiled != nil {
			return d.compiled, DictSource{Name: name, Owner: l.node.id, Revision: d.revision}
		}
	}
	if c, ok := t.system.Get(name); ok {
		return c, DictSource{Name: name, Owner: aaa.SystemConfig}
	}
	return nil, DictSource{Name: name, Missing: true}
}

// dict finds where a dictionary that the document names was found, nil for any other.
func (l *CompiledDocument) dict(name string) *DictSource {
	for i := range l.Dicts {
		if l.Dicts[i].Name == name {
			return &l.Dicts[i]
		}
	}
	return nil
}
