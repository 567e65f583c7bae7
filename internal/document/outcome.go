package document

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"aaa-api/internal/aaa"
)

// Outcome is what an account's requests of an operation meet.
type Outcome string

// The outcomes. The empty one is that of a document which leaves it to its parent's.
const (
	Off         Outcome = "off"          // answered at once, everybody is let in
	LocalAccept Outcome = "local_accept" // authn accepted at once, everybody is let in
	AuthzApps   Outcome = "authz_apps"   // authz is left to external authorisers
	Servers     Outcome = "servers"      // a server or a table of the document's own
	NoServers   Outcome = "no_servers"   // nothing to ask: an error
	Disabled    Outcome = "disabled"     // the account or an ancestor is
)

// LetsIn reports whether everybody is let in without a question.
func (o Outcome) LetsIn() bool { return o == Off || o == LocalAccept }

// Asks reports whether somebody is asked.
func (o Outcome) Asks() bool { return o == Servers || o == AuthzApps }

// Stance is what one document says of an operation.
type Stance struct {
	Mode   aaa.Mode
	Usable bool // it has an enabled server in the operation's list, or a table
	Named  bool // the list names any server, enabled or not
	Table  bool // it has a table of its own
	Others bool // authz is left to external authorisers alone
}

// Decides is the outcome as far as the document itself decides it.
func (s Stance) Decides(op aaa.Op) Outcome {
	switch {
	case s.Mode == aaa.ModeOff:
		return Off
	case s.Mode == aaa.ModeOn && op == aaa.Authn && !s.Named && !s.Table:
		return LocalAccept
	case s.Mode != aaa.ModeOn && !s.Usable:
		return ""
	case s.Others:
		return AuthzApps
	case s.Usable:
		return Servers
	default:
		return NoServers
	}
}

// Stances are those of a document for every operation.
type Stances [aaa.NumOps]Stance

// outline is what stances are read from. To read no more of a document is twice as fast, which counts where those of
// a whole subtree are.
type outline struct {
	Mode           aaa.Mode        `json:"aaa_mode"`
	Servers        []outlineServer `json:"servers"`
	Authentication []string        `json:"authentication"`
	Authorization  []string        `json:"authorization"`
	Accounting     []string        `json:"accounting"`
	Custom         []string        `json:"custom"`
	AuthzApps      []string        `json:"authz_apps"`
	FSM            aaa.FSM         `json:"fsm"`
}

type outlineServer struct {
	Name    string `json:"name"`
	Enabled bool   `json:"enabled"`
}

// StancesIn reads the stances of a stored document; nil for none. A table that it names counts as there.
func StancesIn(body json.RawMessage) (*Stances, error) {
	if body == nil {
		return nil, nil
	}
	var o outline
	if err := json.Unmarshal(body, &o); err != nil {
		return nil, errStored
	}
	return o.stances(), nil
}

// stancesOf reads the stances of a parsed document; nil if there is none or it can't be read.
func stancesOf(body any) *Stances {
	var o outline
	if body == nil || assign(reflect.ValueOf(&o).Elem(), body) != nil {
		return nil
	}
	return o.stances()
}

func (o *outline) stances() *Stances {
	d := aaa.Document{
		Mode: o.Mode, Authentication: o.Authentication, Authorization: o.Authorization, Accounting: o.Accounting, Custom: o.Custom,
		AuthzApps: o.AuthzApps, FSM: o.FSM,
	}
	enabled := func(name string) bool {
		return slices.ContainsFunc(o.Servers, func(s outlineServer) bool { return s.Name == name && s.Enabled })
	}
	var all Stances
	for op := range aaa.Op(aaa.NumOps) {
		s, list, table := &all[op], d.ServerNames(op), d.Table(op)
		s.Mode, s.Named, s.Table = d.Mode, len(list) > 0, table != "" && table != sequential
		s.Usable = s.Table || slices.ContainsFunc(list, enabled)
		s.Others = op == aaa.Authz && len(d.AuthzApps) > 0 && !slices.Contains(d.AuthzApps, aaa.Circlemaker)
	}
	return &all
}

// sequential is the built-in table, which is what a document without one runs by.
const sequential = "sequential"

// Outcomes are those of an account for every operation.
type Outcomes [aaa.NumOps]Outcome

// Everywhere is one outcome for all operations.
func Everywhere(o Outcome) (all Outcomes) {
	for op := range all {
		all[op] = o
	}
	return all
}

// Below gives the outcomes of an account whose parent has these. s is of its own document, nil for none.
func (o Outcomes) Below(enabled bool, s *Stances) Outcomes {
	for op, above := range o {
		switch {
		case above == Disabled:
		case !enabled:
			o[op] = Disabled
		case s != nil:
			if own := s[op].Decides(aaa.Op(op)); own != "" {
				o[op] = own
			}
		}
	}
	return o
}

// Heir is an account below another.
type Heir struct {
	ID, Parent aaa.AccountID
	Enabled    bool
	Stances    *Stances // of its document, nil for none
}

// MaxNamed bounds the accounts that an Effect names.
const MaxNamed = 20

// Effect is a change of outcome that accounts meet.
type Effect struct {
	Op       aaa.Op
	From, To Outcome
	Accounts []aaa.AccountID // the first MaxNamed of them by id
	Total    int
}

// Effects tells which heirs meet other outcomes when those of top, which they are below, change. Heirs whose parent is not
// among them are left out. It takes time and memory in proportion to the number of heirs.
func Effects(heirs []Heir, top aaa.AccountID, before, after Outcomes) []Effect {
	children := make(map[aaa.AccountID][]*Heir)
	for i := range heirs {
		children[heirs[i].Parent] = append(children[heirs[i].Parent], &heirs[i])
	}
	type key struct {
		op       aaa.Op
		from, to Outcome
	}
	found := make(map[key][]aaa.AccountID)
	type step struct {
		id            aaa.AccountID
		before, after Outcomes
	}
	for steps := []step{{top, before, after}}; len(steps) > 0; {
		s := steps[len(steps)-1]
		steps = steps[:len(steps)-1]
		for _, h := range children[s.id] {
			b, a := s.before.Below(h.Enabled, h.Stances), s.after.Below(h.Enabled, h.Stances)
			if a == b {
				continue // and so it is for all below
			}
			for op := range aaa.Op(aaa.NumOps) {
				if b[op] != a[op] {
					k := key{op, b[op], a[op]}
					found[k] = append(found[k], h.ID)
				}
			}
			steps = append(steps, step{h.ID, b, a})
		}
	}
	list := make([]Effect, 0, len(found))
	for k, ids := range found {
		slices.Sort(ids)
		list = append(list, Effect{k.op, k.from, k.to, slices.Clone(ids[:min(len(ids), MaxNamed)]), len(ids)})
	}
	slices.SortFunc(list, func(a, b Effect) int {
		if a.Op != b.Op {
			return int(a.Op) - int(b.Op)
		}
		return strings.Compare(string(a.From+" "+a.To), string(b.From+" "+b.To))
	})
	return list
}
