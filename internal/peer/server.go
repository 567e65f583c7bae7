package peer

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/time/rate"

	"aaa-api/internal/aaa"
	"aaa-api/internal/secmod"
)

// maxInFlight is how many messages of other nodes are served at once.
const maxInFlight = 256

// Server knows messages of other nodes, and serves them. Door brings them.
type Server struct {
	vault  HeldVault
	self   string // URL of this node
	serve  Continue
	log    *slog.Logger
	clock  func() time.Time
	nonces nonces
	places chan struct{}
	stored *rate.Limiter // of heads for which the store is asked
}

// NewServer makes a Server that goes on with logins by serve, which must not ask another node. self
// is the URL at which the others reach this node; where it is empty no message is good.
func NewServer(v HeldVault, self string, serve Continue, log *slog.Logger) *Server {
	return &Server{
		vault: v, self: self, serve: serve, log: log, clock: time.Now,
		nonces: nonces{limit: maxNonces}, places: make(chan struct{}, maxInFlight),
		stored: rate.NewLimiter(rate.Every(storedEvery), 1),
	}
}

// Check implements Messages.
func (s *Server) Check(ctx context.Context, from, head string) bool {
	_, err := s.admit(ctx, from, head, s.nonces.unused)
	return err == nil
}

// Answer implements Messages.
func (s *Server) Answer(ctx context.Context, from, head, body string) (sealed string, ok bool) {
	id, err := s.admit(ctx, from, head, s.nonces.use)
	if err != nil {
		return "", false
	}
	o := outcome{Error: &aaa.ErrorData{Kind: aaa.KindBusy, Message: "too many logins are continued at once", RetryAfter: time.Second}}
	if body != "" {
		select {
		case s.places <- struct{}{}:
			defer func() { <-s.places }()
			m, err := s.read(ctx, from, id, body)
			if err != nil {
				return "", false
			}
			o = s.run(ctx, m)
		default:
		}
	}
	if sealed, err = s.seal(ctx, id, o); err != nil {
		s.log.ErrorContext(ctx, "the answer to another node cannot be sealed", "error", err)
		return "", false
	}
	return sealed, true
}

// admit opens a message's head and holds it against place, time and the nonces seen. Once the head is known to be a
// node's, a reason to refuse it goes to the log.
func (s *Server) admit(ctx context.Context, from, text string, note func(nonce, time.Time) error) (nonce, error) {
	clear, err := s.openHead(ctx, text)
	if errors.Is(err, secmod.ErrSealed) {
		return nonce{}, errRefused
	}
	var h head
	if err == nil {
		err = aaa.DecodeJSON([]byte(clear.Reveal()), &h)
	}
	var id nonce
	if err == nil {
		id, err = s.check(&h, note)
	}
	if err != nil {
		s.log.WarnContext(ctx, "a message of another node was refused", "from", from, "error", err)
	}
	return id, err
}

// errRefused is the reason for all that does not open: who sent it learns nothing, and the log could be flooded.
var errRefused = errors.New("no message of a node of this service")

// storedEvery is how often a head that the key in memory does not open makes the vault ask the store, where
// another key may be since a backup was put back.
const storedEvery = 5 * time.Second

func (s *Server) openHead(ctx context.Context, text string) (aaa.Secret, error) {
	if len(text) > MaxHead {
		return aaa.Secret{}, secmod.ErrSealed
	}
	clear, err := s.vault.OpenHeld(aaa.SystemConfig, headPurpose, text)
	if errors.Is(err, secmod.ErrSealed) && s.stored.Allow() {
		return s.vault.Open(ctx, aaa.SystemConfig, headPurpose, text)
	}
	return clear, err
}

// check holds an authentic head against place, time and the nonces seen.
func (s *Server) check(h *head, note func(nonce, time.Time) error) (nonce, error) {
	if len(h.Nonce) != nonceBytes || h.To == "" || h.To != s.self {
		return nonce{}, errors.New("it is meant for another node: is each node's --advertise its own?")
	}
	now := s.clock()
	if age := now.Sub(time.UnixMilli(h.At)); age > window || age < -window {
		return nonce{}, errors.New("it was sent " + age.Round(time.Second).String() + " ago by this node's clock: are the nodes' clocks set?")
	}
	id := nonce(h.Nonce)
	return id, note(id, now)
}

// read reads the message of a head.
func (s *Server) read(ctx context.Context, from string, id nonce, body string) (*message, error) {
	if len(body) > MaxMessage {
		return nil, errRefused
	}
	clear, err := s.vault.Open(ctx, aaa.SystemConfig, messagePurposeOf(id), body)
	var m message
	if err == nil {
		err = aaa.DecodeJSON([]byte(clear.Reveal()), &m)
	}
	if err != nil {
		s.log.WarnContext(ctx, "a message of another node does not open", "from", from, "error", err)
		return nil, err
	}
	return &m, nil
}

// run goes on with the login.
func (s *Server) run(ctx context.Context, m *message) outcome {
	answer, err := s.serve(ctx, m.Account, m.SID, m.Values, m.RequestID)
	if err != nil {
		data := aaa.DataOf(err)
		if data.Kind == aaa.KindInternal {
			s.log.ErrorContext(ctx, "internal error", "request_id", m.RequestID, "error", err)
		}
		return outcome{Error: &data}
	}
	return outcome{Answer: answer}
}

func (s *Server) seal(ctx context.Context, id nonce, o outcome) (string, error) {
	text, err := aaa.PlainJSON(o)
	if err != nil {
		return "", err
	}
	return s.vault.Seal(ctx, aaa.SystemConfig, answerPurposeOf(id), string(text))
}
