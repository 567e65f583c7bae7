package aaa

import (
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// Bounds of one trace. Rules, attributes and keys have a room of their own, so that however many there are, the servers
// asked and the lines taken are told.
const (
	maxTraceDetails = 4096
	maxTraceSteps   = 2048
	maxTraceOctets  = 512 << 10 // of JSON, in each of the two rooms
	octetsOfEntry   = 160       // of JSON beside the texts
)

// TraceRoom is what is left for the traces of one request. They may grow side by side.
type TraceRoom struct {
	details, steps space
	leftOut        atomic.Int64
}

// Tracing is a Trace while it is collected, within its room.
type Tracing struct {
	Trace
	room *TraceRoom
}

type space struct{ entries, octets atomic.Int64 }

// Tracing begins a trace that shares the room; nil of a nil room.
func (r *TraceRoom) Tracing() *Tracing {
	if r == nil {
		return nil
	}
	return &Tracing{room: r}
}

// take reports whether there is space for an entry with these texts, and takes it.
func (r *TraceRoom) take(s *space, most int64, texts ...string) bool {
	if s.entries.Add(1) <= most && s.octets.Add(octetsOf(texts)) <= maxTraceOctets {
		return true
	}
	r.leftOut.Add(1)
	return false
}

func (t *Tracing) detail(texts ...string) bool {
	r := t.Room()
	return r.take(&r.details, maxTraceDetails, texts...)
}

func (t *Tracing) step(texts ...string) bool {
	r := t.Room()
	return r.take(&r.steps, maxTraceSteps, texts...)
}

// octetsOf is about how many octets an entry with these texts has as JSON.
func octetsOf(texts []string) int64 {
	n := int64(octetsOfEntry)
	for _, s := range texts {
		n += int64(len(s))
		for i := 0; i < len(s); i++ {
			if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
				n += 5
			}
		}
	}
	return n
}

// Room is the trace's room, for others of the same request.
func (t *Tracing) Room() *TraceRoom {
	if t == nil {
		return nil
	}
	if t.room == nil {
		t.room = new(TraceRoom)
	}
	return t.room
}

// AddUnusedKey adds a key that nothing reads, if there is room.
func (t *Tracing) AddUnusedKey(key string) {
	if t.detail(key) {
		t.UnusedKeys = append(t.UnusedKeys, key)
	}
}

// AddRule adds an entry if there is room.
func (t *Tracing) AddRule(e TraceRule) {
	if t.detail(e.Server, e.Key, e.Attribute, e.Value, e.Note) {
		t.Rules = append(t.Rules, e)
	}
}

// AddDropped adds an entry if there is room.
func (t *Tracing) AddDropped(e TraceDropped) {
	if t.detail(e.Server, e.Attribute, e.Reason) {
		t.Dropped = append(t.Dropped, e)
	}
}

// AddAdded adds an entry if there is room.
func (t *Tracing) AddAdded(e TraceAdded) {
	if t.detail(e.Server, e.Attribute, e.Value) {
		t.Added = append(t.Added, e)
	}
}

// AddServer adds an entry if there is room. t may be nil.
func (t *Tracing) AddServer(e TraceServer) {
	if t != nil && t.step(string(e.Account), e.Name, e.Address, e.Outcome) {
		t.Servers = append(t.Servers, e)
	}
}

// AddApp adds an entry if there is room. t may be nil.
func (t *Tracing) AddApp(e TraceApp) {
	if t != nil && t.step(e.Name, e.Outcome) {
		t.Apps = append(t.Apps, e)
	}
}

// AddStep adds an entry if there is room, and returns it until the next one is added, else nil.
func (t *Tracing) AddStep(e TraceStep) *TraceStep {
	if !t.step(string(e.Account), e.Table, e.State, e.Event, e.Action, e.Xstring, e.Next, e.Answer, e.Note) {
		return nil
	}
	t.FSM = append(t.FSM, e)
	return &t.FSM[len(t.FSM)-1]
}

// Take moves the entries of a trace that shares the room behind those of t.
func (t *Tracing) Take(of *Tracing) {
	t.Rules = append(t.Rules, of.Rules...)
	t.Dropped = append(t.Dropped, of.Dropped...)
	t.Added = append(t.Added, of.Added...)
	t.Servers = append(t.Servers, of.Servers...)
}

// End completes the trace of a request that began at begun, and returns what it has collected.
func (t *Tracing) End(begun time.Time) *Trace {
	t.Elapsed = MicrosOf(time.Since(begun))
	t.LeftOut = t.Room().leftOut.Load()
	return &t.Trace
}

// Trace tells how an answer came about. Passwords and secrets in it are Mask.
type Trace struct {
	Documents []TraceDocument `json:"documents"`
	// UnusedKeys are the request's keys that neither a rule of its documents nor the service reads, in order.
	UnusedKeys []string       `json:"unused_keys"`
	Rules      []TraceRule    `json:"rules"`
	Dropped    []TraceDropped `json:"dropped"`
	Added      []TraceAdded   `json:"added"`
	Servers    []TraceServer  `json:"servers"`
	Apps       []TraceApp     `json:"authz_apps,omitempty"`
	FSM        []TraceStep    `json:"fsm,omitempty"`
	Elapsed    Micros         `json:"elapsed_us"`
	// LeftOut is how many entries a full trace went without.
	LeftOut int64 `json:"left_out,omitempty"`
}

// TraceDocument is a step of the walk up the account tree.
type TraceDocument struct {
	Account  AccountID `json:"account_id"`
	Mode     Mode      `json:"aaa_mode"`
	Revision int64     `json:"revision,omitempty"`
	Note     string    `json:"note"` // used, no usable server, no document, off, none answered, bypassed, banned
}

// TraceRule is one rule at work. Index counts from 0 within the section.
type TraceRule struct {
	Direction string `json:"direction"` // out or back
	Index     int    `json:"index"`
	Server    string `json:"server,omitempty"`
	Key       string `json:"request_key"`
	Attribute string `json:"attribute"`
	Value     string `json:"value,omitempty"` // Mask where the attribute is hidden
	Note      string `json:"note"`            // matched, no match, key absent, …
}

// TraceDropped is an AVP that one server's packet went without.
type TraceDropped struct {
	Server    string `json:"server"`
	Attribute string `json:"attribute"`
	Reason    string `json:"reason"`
}

// TraceAdded is what the service itself put into one server's packet.
type TraceAdded struct {
	Server    string `json:"server"`
	Attribute string `json:"attribute"`
	Value     string `json:"value,omitempty"` // absent where it is random or depends on the packet
}

// TraceServer is one server that was tried or passed over.
type TraceServer struct {
	Account  AccountID `json:"account_id"`
	Name     string    `json:"name"`
	Address  string    `json:"address"`
	Outcome  string    `json:"outcome"` // accept, reject, challenge, or what went wrong
	Attempts int       `json:"attempts"`
	Elapsed  Micros    `json:"elapsed_us"`
}

// TraceApp is one external authoriser that was asked.
type TraceApp struct {
	Name    string `json:"name"`
	Outcome string `json:"outcome"`
	Elapsed Micros `json:"elapsed_us"`
}

// TraceStep is a line of a state machine table that the request took, or an event that it ignored.
type TraceStep struct {
	Account AccountID `json:"account_id"` // of the document
	Table   string    `json:"table"`
	State   string    `json:"state"`
	Event   string    `json:"event"`          // state.action.event
	Line    int       `json:"line,omitempty"` // of the table's text
	Action  string    `json:"action,omitempty"`
	Xvalue  int32     `json:"xvalue,omitempty"`
	Xstring string    `json:"xstring,omitempty"`
	Next    string    `json:"next,omitempty"`
	Answer  string    `json:"answer,omitempty"` // what the action answered at once
	Note    string    `json:"note,omitempty"`
	At      Micros    `json:"at_us"` // since the request began
}

// Micros is a duration in whole microseconds.
type Micros int64

// MicrosOf rounds d down to microseconds.
func MicrosOf(d time.Duration) Micros { return Micros(d.Microseconds()) }
