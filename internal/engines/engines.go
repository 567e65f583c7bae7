// Package engines is the contract between the router and the protocol engines,
// with what every engine shares: the registry and server health.
package engines

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/egress"
	"aaa-api/internal/limits"
)

// Engine speaks one protocol to upstream servers.
type Engine interface {
	// Name is the aaa_engine value of documents: radius, tacacs, diameter.
	Name() string
	// Traits are what the rest of the service has to know of the protocol. They never change.
	Traits() Traits
	// Open makes a Client for a server. It does no I/O, starts no goroutine and
	// costs little memory: a node holds a Client for every server of every warm tenant.
	Open(cfg Config) (Client, error)
}

// Config is a server as an engine needs it: the document's entry with its secrets in the clear.
type Config struct {
	Account aaa.AccountID // whose document it is
	Server  aaa.Server
	Limits  *limits.Account // of that account; nil: nothing is bounded
	Reach   *egress.Account // where the document's servers may be; nil: anywhere
	// Previous is the Client of the entry that this one replaces in the document; nil where there was none. The engine
	// takes over what was learnt of the server and still holds, and does not keep it.
	Previous Client
	// Memory is what a Rememberer of the entry said when its account left memory; empty if it is of no use.
	Memory string
}

// Client exchanges requests with one server. It is safe for use by many goroutines.
type Client interface {
	// Exchange sends the request, retransmits it as the server's timeout and retries
	// say, and returns the server's answer. Errors are a *Failure where another
	// server may be tried, or an *aaa.Error of KindBadInput where the request can't be
	// put into a packet (nothing was sent). When ctx ends, the error is a *Failure that wraps
	// ctx's, with what had been sent and come back by then; before anything was sent it is ctx's own.
	Exchange(ctx context.Context, req *Request) (*Reply, error)
	// Encode makes the packet that Exchange would send, under a throw-away secret.
	Encode(req *Request) ([]byte, error)
	// Health is the server's health, shared by all users of the Client.
	Health() *Health
	// Retire says that no new plan holds the Client. What is in flight ends normally, an
	// Exchange by a holder of an older plan still works, and sockets are given
	// back as soon as they are idle.
	Retire()
}

// Omitter is a Client of a protocol whose packets go without some attributes, though rules feed them.
type Omitter interface {
	// Omits reports whether a packet of an operation goes without an attribute.
	Omits(op aaa.Op, attr *aaa.Attribute) bool
}

// Timed is a Client that knows how long it takes at most.
type Timed interface {
	// Longest is how long an Exchange may take whatever the server does, in a context that never ends; 0
	// where that can't be told.
	Longest() time.Duration
}

// Learner is a Client that learns which replies its server signs.
type Learner interface {
	// Learnt tells each kind of reply that came: MustBeSigned, SignedSoFar or NotSigned.
	Learnt() map[string]string
}

// Rememberer is a Client whose lessons outlive its account's stay in memory.
type Rememberer interface {
	// Remember returns what a later Client of the same server is to go by, for Config.Memory: a short text without secrets, in
	// the engine's own form. It is empty if nothing was learnt.
	Remember() string
}

// What a Learner knows of a kind of reply.
const (
	MustBeSigned = "required"     // an unsigned one is discarded
	SignedSoFar  = "signed"       // too few replies to ask for it, or rejects
	NotSigned    = "not required" // one came unsigned
)

// Request is what an engine sends.
type Request struct {
	Op      aaa.Op
	Account aaa.AccountID // that asks; a server's document may be that of one above it
	AVPs    []aaa.AVP     // in order; the engine adds what the protocol needs and the AVPs lack
	Dict    aaa.Dictionary
	// NAS identity for requests whose AVPs bring none.
	NASAddress netip.Addr
	NASPort    uint32
	HasNASPort bool
	// Begun is when the caller's request arrived, and SessionID the session identifier of a record that brings
	// none: the same at every server that a record is tried at, so that one record does not look like two.
	// Without them the engine takes now and a random one.
	Begun     time.Time
	SessionID string
	// Happened is when what an accounting record tells of happened, zero where that was when the request arrived. A record whose
	// AVPs bring neither that time nor a delay is sent with both.
	Happened time.Time
	// ProxyState is a Proxy-State for a server of RADIUS to give back (RFC 2865 §5.33), and not part of the Reply; empty: none. By it the
	// service knows its own requests if they come back in.
	ProxyState []byte
	// Allowance counts the packets that the caller's request sends; nil bounds nothing.
	Allowance *limits.Allowance
	// Added receives what the engine puts into the packet of its own, with the value where that says something; nil
	// where nobody wants to know. It is called before Exchange or Encode returns.
	Added func(attribute, value string)
}

// Event is when what an accounting record tells of happened; zero where nobody says.
func (r *Request) Event() time.Time {
	if r.Happened.IsZero() {
		return r.Begun
	}
	return r.Happened
}

// Add tells Added, where somebody wants to know.
func (r *Request) Add(attribute, value string) {
	if r.Added != nil {
		r.Added(attribute, value)
	}
}

// Reply is a server's verified answer.
type Reply struct {
	Outcome  aaa.Outcome // Accept, Reject or Challenge
	AVPs     []aaa.AVP   // decrypted, in packet order
	State    []byte      // with Challenge: to be sent back unchanged
	Prompt   string      // with Challenge: what to show the user; may be empty
	Echo     bool        // with Challenge: what the user types may be shown
	Attempts int         // packets sent
	Note     string      // for the trace: why the outcome is not the server's own word
}

// Reason classes a Failure.
type Reason uint8

// Why a server gave no answer.
const (
	NoAnswer    Reason = iota + 1 // silence
	Unreachable                   // the address does not resolve, connection refused, network error
	BadReply                      // only replies that had to be discarded
	ServerError                   // the protocol's own "server unavailable" (TACACS+ ERROR)
	NoEngine                      // the engine does not exist in this service
	NotAllowed                    // the account may not reach the address: Err wraps egress.ErrNotAllowed
	HeldBack                      // a limit says that the server must not be asked: Err wraps a *limits.HeldBack

	NumReasons = iota + 1 // one more than the last
)

var reasonNames = map[Reason]string{
	NoAnswer: "no answer", Unreachable: "unreachable", BadReply: "bad reply",
	ServerError: "server error", NoEngine: "engine not available",
	NotAllowed: "not allowed", HeldBack: "held back",
}

func (r Reason) String() string { return reasonNames[r] }

// Failure is an exchange that ended without an answer: the next server may be tried.
type Failure struct {
	Reason   Reason
	Attempts int
	Err      error // for the log; may be nil
}

func (f *Failure) Error() string {
	if f.Err != nil {
		return fmt.Sprintf("%s: %v", f.Reason, f.Err)
	}
	return f.Reason.String()
}

func (f *Failure) Unwrap() error { return f.Err }

// What was wrong with the replies of a Failure of BadReply, where its Err wraps one of them: it tells
// whoever runs the server where to look.
var (
	// ErrUnverified is a reply whose authenticator does not verify: the shared secrets differ.
	ErrUnverified = errors.New("the reply does not verify under the shared secret")
	// ErrNoAuthenticator is a reply that lacks the authenticator which is asked of it (Message-Authenticator).
	ErrNoAuthenticator = errors.New("the reply lacks its authenticator")
	// ErrMalformed is a reply that is no well-formed packet, or none that answers the request.
	ErrMalformed = errors.New("the reply is malformed")
)

// ErrDuplicate is the panic value of a registry given two engines of one name.
var ErrDuplicate = errors.New("two engines of one name")

// Registry finds engines by name. It is filled once at start.
type Registry struct{ engines map[string]registered }

type registered struct {
	Engine
	traits *Traits
}

// NewRegistry registers the engines given; two of one name panic.
func NewRegistry(list ...Engine) *Registry {
	r := &Registry{engines: make(map[string]registered, len(list))}
	for _, e := range list {
		if _, ok := r.engines[e.Name()]; ok {
			panic(fmt.Errorf("%w: %s", ErrDuplicate, e.Name()))
		}
		traits := e.Traits()
		r.engines[e.Name()] = registered{e, &traits}
	}
	return r
}

// Open makes a Client with the engine that the server names; a *Failure with NoEngine where it doesn't exist.
func (r *Registry) Open(cfg Config) (Client, error) {
	e, ok := r.engines[cfg.Server.Engine]
	if !ok {
		return nil, &Failure{Reason: NoEngine}
	}
	return e.Open(cfg)
}

// Has reports whether an engine of that name exists.
func (r *Registry) Has(name string) bool { _, ok := r.engines[name]; return ok }
