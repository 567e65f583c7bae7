package peer

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/time/rate"

	"aaa-api/internal/aaa"
	"aaa-api/internal/secmod"
)

// maxInFlight is how many messages of other nodes are served at once.
const maxInFlight = 256

// Server serves messages of other nodes.
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

// Serve answers a message. It returns false, with nothing written, for whatever is none or
// is not good (any more): the caller answers that like any address at which nothing is.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPost || r.URL.Path != Path {
		return false
	}
	id, err := s.admit(r)
	if err != nil {
		return false
	}
	var m *message
	var o outcome
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
		if m, err = s.read(w, r, id); err != nil {
			return false
		}
		o = s.run(r.Context(), m)
	default:
		o.Error = &aaa.ErrorData{Kind: aaa.KindBusy, Message: "too many logins are continued at once", RetryAfter: time.Second}
	}
	sealed, err := s.seal(r.Context(), id, o)
	if err != nil {
		s.log.ErrorContext(r.Context(), "the answer to another node cannot be sealed", "error", err)
		return false
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(sealed)))
	w.WriteHeader(http.StatusOK)
	io.WriteString(w, sealed) //nolint:errcheck,gosec // plain text, sealed; the other node may be gone: nobody to tell
	return true
}

// errRefused is the reason for all that does not open: who sent it learns nothing, and the log could be flooded.
var errRefused = errors.New("no message of a node of this service")

// admit opens a message's head and holds it against place, time and the nonces seen. Once the head is known to be a
// node's, a reason to refuse it goes to the log.
func (s *Server) admit(r *http.Request) (nonce, error) {
	if r.ContentLength < 1 || r.ContentLength > maxMessage {
		return nonce{}, errRefused
	}
	clear, err := s.openHead(r)
	if errors.Is(err, secmod.ErrSealed) {
		return nonce{}, errRefused
	}
	var h head
	if err == nil {
		err = aaa.DecodeJSON([]byte(clear.Reveal()), &h)
	}
	var id nonce
	if err == nil {
		id, err = s.check(&h)
	}
	if err != nil {
		s.log.WarnContext(r.Context(), "a message of another node was refused", "from", r.RemoteAddr, "error", err)
	}
	return id, err
}

// storedEvery is how often a head that the key in memory does not open makes the vault ask the store, where
// another key may be since a backup was put back.
const storedEvery = 5 * time.Second

func (s *Server) openHead(r *http.Request) (aaa.Secret, error) {
	text := r.Header.Get(headName)
	if len(text) > maxHead {
		return aaa.Secret{}, secmod.ErrSealed
	}
	clear, err := s.vault.OpenHeld(aaa.SystemConfig, headPurpose, text)
	if errors.Is(err, secmod.ErrSealed) && s.stored.Allow() {
		return s.vault.Open(r.Context(), aaa.SystemConfig, headPurpose, text)
	}
	return clear, err
}

// check holds an authentic head against place, time and the nonces seen.
func (s *Server) check(h *head) (nonce, error) {
	if len(h.Nonce) != nonceBytes || h.To == "" || h.To != s.self {
		return nonce{}, errors.New("it is meant for another node: is each node's --advertise its own?")
	}
	now := s.clock()
	if age := now.Sub(time.UnixMilli(h.At)); age > window || age < -window {
		return nonce{}, errors.New("it was sent " + age.Round(time.Second).String() + " ago by this node's clock: are the nodes' clocks set?")
	}
	id := nonce(h.Nonce)
	return id, s.nonces.use(id, now)
}

// read reads the message of a head.
func (s *Server) read(w http.ResponseWriter, r *http.Request, id nonce) (*message, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage))
	if err != nil {
		return nil, errRefused
	}
	clear, err := s.vault.Open(r.Context(), aaa.SystemConfig, messagePurposeOf(id), string(body))
	var m message
	if err == nil {
		err = aaa.DecodeJSON([]byte(clear.Reveal()), &m)
	}
	if err != nil {
		s.log.WarnContext(r.Context(), "a message of another node does not open", "from", r.RemoteAddr, "error", err)
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
