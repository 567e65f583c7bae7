package session

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/backoff"
	"aaa-api/internal/claims"
	"aaa-api/internal/secmod"
	"aaa-api/internal/store"
)

// AAA runs the requests that sessions are made of. Its errors are *aaa.Error. To a disabled account what leads
// to service is refused as KindForbidden (Handle, Terms); what is told of a session, and of its end, is not.
type AAA interface {
	// Handle runs an authn request as any other.
	Handle(ctx context.Context, req *aaa.Request) (*aaa.Result, error)
	// Account takes an accounting record, a disabled account's too: it tells of what was begun before. Without an error the record is
	// kept until a server has taken it. An account that has nothing to send it to is answered by aaa.Off.
	Account(ctx context.Context, r *Record) (*aaa.Result, error)
	// Terms tells what a session must know of the documents in force for an account's authn.
	Terms(ctx context.Context, account aaa.AccountID) (Terms, error)
	// Hidden is the Hidden of Terms, a disabled account's too.
	Hidden(ctx context.Context, account aaa.AccountID) ([]string, error)
}

// ErrPeerAway is the error of Peers where the other node can't be reached.
var ErrPeerAway = errors.New("the other node does not answer")

// Peers asks the other nodes of the service.
type Peers interface {
	// Continue has the node at a URL do what Manager.ContinueSessionHere does. Its error is ErrPeerAway where that
	// node gives no answer, and any other is that node's answer.
	Continue(ctx context.Context, url string, account aaa.AccountID, sid string, values aaa.Values, requestID string) (*aaa.SessionAnswer, error)
}

// Devices asks network devices to end sessions.
type Devices interface {
	// Disconnect returns a device's answer. An error is an *aaa.Error: KindConflict where its client's document names no way to ask it,
	// KindNoAnswer where it is silent.
	Disconnect(ctx context.Context, device aaa.SessionDevice, values aaa.Values) (aaa.Disconnected, error)
}

// Options are the parts that a Manager works with.
type Options struct {
	Store store.Sessions
	Vault secmod.SealOpener // seals what is secret in a record
	AAA   AAA
	Peers Peers // nil: this node is the only one
	// Devices is nil where no devices send requests.
	Devices Devices
	// Deadline is how long another node may take to answer for this one, as long as an AAA request: one that hangs must not
	// cost a caller more. 0: as long as it likes.
	Deadline time.Duration
	Node     string
	URL      string           // at which other nodes reach this one; empty: they don't
	Now      func() time.Time // nil: time.Now
	Metrics  *Metrics
	Log      *slog.Logger
}

// Manager does what callers ask of sessions, and with RunSessions what sessions do by themselves. It
// is safe for use by many goroutines and on many nodes at once.
type Manager struct {
	store   store.Sessions
	vault   secmod.SealOpener
	aaa     AAA
	peers   Peers
	devices Devices
	within  time.Duration // for other nodes; 0: no bound
	self    home
	clock   func() time.Time
	metrics *Metrics
	log     *slog.Logger

	pause func(context.Context, time.Duration) error // before the store is asked again

	dialogues *dialogues // of this node's engines
	scheduler *claims.Scheduler[store.SessionRecord]
}

// New makes a Manager.
func New(o Options) *Manager {
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Manager{
		store: o.Store, vault: o.Vault, aaa: o.AAA, peers: o.Peers, devices: o.Devices, within: o.Deadline, self: home{o.Node, o.URL}, clock: o.Now,
		metrics: o.Metrics, log: o.Log, pause: backoff.Sleep, dialogues: newDialogues(),
	}
	m.scheduler = m.timers()
	return m
}

// now is the time as stores keep it.
func (m *Manager) now() time.Time { return m.clock().UTC().Truncate(time.Microsecond) }

// Session returns a session; KindNotFound for a SID that is unknown or of another account.
func (m *Manager) Session(ctx context.Context, account aaa.AccountID, sid string) (*aaa.Session, error) {
	s, err := m.get(ctx, account, sid)
	if err != nil {
		return nil, err
	}
	v := s.view(m.now())
	return &v, nil
}

// SessionByID is Session for one who knows the derived id alone.
func (m *Manager) SessionByID(ctx context.Context, account aaa.AccountID, id string) (*aaa.Session, error) {
	s, err := m.byID(ctx, account, id)
	if err != nil {
		return nil, err
	}
	v := s.view(m.now())
	return &v, nil
}

// answer is the answer to a verb, and counts it.
func (m *Manager) answer(s *session, result aaa.SessionResult) *aaa.SessionAnswer {
	m.metrics.count(string(result))
	return &aaa.SessionAnswer{Result: result, Session: s.view(m.now())}
}

// saveTime bounds the writes that are made even where the caller has gone.
const saveTime = 10 * time.Second

// detached is a context for writes that must not be lost with the caller.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), saveTime)
}
