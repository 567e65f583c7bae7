package web

import (
	"context"
	"crypto"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// signsOfSource is how many handshakes of one source have something signed at once, and waitsOfSource how many more may wait.
	signsOfSource, waitsOfSource = 4, 1000
	// handshakeWait is how long one waits.
	handshakeWait = 5 * time.Second
	// maxSigners is how many there may be of all sources before each has signsOfSource at the most.
	maxSigners = 4000
)

// Handshakes shares the signatures of TLS between the sources of connections: each costs a stranger nothing and a processor a millisecond or more, and
// all connections wait for them in one line.
type Handshakes struct {
	mu      sync.Mutex
	sources map[netip.Addr]*signer
	all     int
}

type signer struct {
	turns *semaphore.Weighted
	users int // under Handshakes.mu
}

// NewHandshakes returns handshakes of which none is under way.
func NewHandshakes() *Handshakes { return &Handshakes{sources: make(map[netip.Addr]*signer)} }

// Pair is a pair for a handshake with an address.
func (h *Handshakes) Pair(pair *tls.Certificate, with net.Addr) *tls.Certificate {
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return pair
	}
	own := *pair
	own.PrivateKey = &sourceKey{Signer: key, all: h, source: sourceOf(with.String())}
	return &own
}

// sourceKey is the key of one handshake.
type sourceKey struct {
	crypto.Signer
	all    *Handshakes
	source netip.Addr
}

var errManyHandshakes = errors.New("too many handshakes are under way")

// Sign implements crypto.Signer.
func (k *sourceKey) Sign(random io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
	leave, err := k.all.enter(k.source)
	if err != nil {
		return nil, err
	}
	defer leave()
	return k.Signer.Sign(random, message, o)
}

// enter waits for a turn of the source. Without an error, leave is owed.
func (h *Handshakes) enter(source netip.Addr) (leave func(), err error) {
	h.mu.Lock()
	s := h.sources[source]
	if most := signsOfSource + waitsOfSource; s != nil && (s.users >= most || h.all >= maxSigners && s.users >= signsOfSource) {
		h.mu.Unlock()
		return nil, errManyHandshakes
	}
	if s == nil {
		s = &signer{turns: semaphore.NewWeighted(signsOfSource)}
		h.sources[source] = s
	}
	s.users++
	h.all++
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), handshakeWait)
	defer cancel()
	if err := s.turns.Acquire(ctx, 1); err != nil {
		h.quit(source, s)
		return nil, errManyHandshakes
	}
	return func() {
		s.turns.Release(1)
		h.quit(source, s)
	}, nil
}

func (h *Handshakes) quit(source netip.Addr, s *signer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all--
	if s.users--; s.users == 0 {
		delete(h.sources, source)
	}
}
