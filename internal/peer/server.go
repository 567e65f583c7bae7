package peer

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/secmod"
)

// maxInFlight is how many messages of other nodes are served at once.
const maxInFlight = 256

// Server serves messages of other nodes.
type Server struct {
	vault  Vault
	self   string // URL of this node
	serve  Continue
	log    *slog.Logger
	clock  func() time.Time
	nonces nonces
	places chan struct{}
}

// NewServer makes a Server that goes on with logins by serve, which must not ask another node. self
// is the URL at which the others reach this node; where it is empty no message is good.
func NewServer(v Vault, self string, serve Continue, log *slog.Logger) *Server {
	return &Server{
		vault: v, self: self, serve: serve, log: log, clock: time.Now,
		nonces: nonces{limit: maxNonces}, places: make(chan struct{}, maxInFlight),
	}
}

// Serve answers a message. It returns false, with nothing written, for whatever is none or
// is not good (any more): the caller answers that like any address at which nothing is.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPost || r.URL.Path != Path {
		return false
	}
	m, id, err := s.open(w, r)
	if err != nil {
		return false
	}
	sealed, err := s.seal(r.Context(), id, s.run(r.Context(), m))
	if err != nil {
		s.log.ErrorContext(r.Context(), "the answer to another node cannot be sealed", "request_id", m.RequestID, "error", err)
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

// open reads a message. Once it is known to be of a node, a reason to refuse it goes to the log.
func (s *Server) open(w http.ResponseWriter, r *http.Request) (*message, nonce, error) {
	var id nonce
	if r.ContentLength < 1 || r.ContentLength > maxMessage {
		return nil, id, errRefused
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage))
	if err != nil {
		return nil, id, errRefused
	}
	clear, err := s.vault.Open(r.Context(), aaa.SystemConfig, messagePurpose, string(body))
	if errors.Is(err, secmod.ErrSealed) {
		return nil, id, errRefused
	}
	var m message
	if err == nil {
		err = decode(clear.Reveal(), &m)
	}
	if err == nil {
		id, err = s.admit(&m)
	}
	if err != nil {
		s.log.WarnContext(r.Context(), "a message of another node was refused", "from", r.RemoteAddr, "request_id", m.RequestID, "error", err)
		return nil, id, err
	}
	return &m, id, nil
}

// admit holds an authentic message against place, time and the nonces seen.
func (s *Server) admit(m *message) (nonce, error) {
	if len(m.Nonce) != nonceBytes || m.To == "" || m.To != s.self {
		return nonce{}, errors.New("it is meant for another node: is each node's --advertise its own?")
	}
	now := s.clock()
	if age := now.Sub(time.UnixMilli(m.At)); age > window || age < -window {
		return nonce{}, errors.New("it was sent " + age.Round(time.Second).String() + " ago by this node's clock: are the nodes' clocks set?")
	}
	id := nonce(m.Nonce)
	return id, s.nonces.use(id, now)
}

// run goes on with the login.
func (s *Server) run(ctx context.Context, m *message) outcome {
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	default:
		return outcome{Error: &wireError{Kind: aaa.KindBusy, Message: "too many logins are continued at once", RetryAfter: time.Second}}
	}
	answer, err := s.serve(ctx, m.Account, m.SID, m.Values, m.RequestID)
	if err != nil {
		w := wireErrorOf(err)
		if w.Kind == aaa.KindInternal {
			s.log.ErrorContext(ctx, "internal error", "request_id", m.RequestID, "error", err)
		}
		return outcome{Error: w}
	}
	return outcome{Answer: answer}
}

func (s *Server) seal(ctx context.Context, id nonce, o outcome) (string, error) {
	text, err := encode(o)
	if err != nil {
		return "", err
	}
	return s.vault.Seal(ctx, aaa.SystemConfig, answerPurposeOf(id), text)
}
