package web

import (
	"crypto"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"testing"
)

// slowKey signs once it is let.
type slowKey struct{ begun, let chan struct{} }

func (slowKey) Public() crypto.PublicKey { return nil }

func (k slowKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	k.begun <- struct{}{}
	<-k.let
	return []byte("signed"), nil
}

// TestHandshakesOfASource: a source that begins any number of handshakes has few signatures made at once, and takes none of others' turns.
func TestHandshakesOfASource(t *testing.T) {
	t.Parallel()
	h := NewHandshakes()
	key := slowKey{make(chan struct{}), make(chan struct{})}
	sign := func(address string) error {
		at, err := net.ResolveTCPAddr("tcp", address)
		if err != nil {
			t.Error(err)
		}
		signer := h.Pair(&tls.Certificate{PrivateKey: key}, at).PrivateKey.(crypto.Signer)
		_, err = signer.Sign(nil, nil, nil)
		return err
	}
	const calls = 3 * (signsOfSource + waitsOfSource)
	failed := make(chan error, calls)
	var done sync.WaitGroup
	for range calls {
		done.Go(func() {
			if err := sign("[2001:db8::1]:1"); err != nil {
				failed <- err
			}
		})
	}
	for range signsOfSource {
		<-key.begun
	}
	for range calls - signsOfSource - waitsOfSource {
		<-failed
	}
	if err := sign("[2001:db8::ffff]:2"); err == nil { // of the same network
		t.Error("a source has more than its part")
	}
	done.Go(func() {
		if err := sign("192.0.2.1:1"); err != nil {
			t.Errorf("another source: %v", err)
		}
	})
	<-key.begun // the other source's, though the first one has all that it may
	close(key.let)
	for range waitsOfSource {
		<-key.begun
	}
	done.Wait()
	if len(h.sources) != 0 || h.all != 0 || len(failed) != 0 {
		t.Errorf("%d sources with %d handshakes are left, %d more failed", len(h.sources), h.all, len(failed))
	}
}
