package operations

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admission"
	"aaa-api/internal/backoff"
	"aaa-api/internal/line"
)

// KeyPairs are those of the API's listener.
type KeyPairs interface {
	// Current is the pair in use.
	Current() *tls.Certificate
	// ByFingerprint is the pair in use or the one before it, whose handshakes may go on still; nil for any other one.
	ByFingerprint(fingerprint string) *tls.Certificate
}

// Fingerprint names a pair: the SHA-256 of its leaf, in hexadecimal.
func Fingerprint(pair *tls.Certificate) string {
	sum := sha256.Sum256(pair.Certificate[0])
	return hex.EncodeToString(sum[:])
}

// KnownCertificate asks for the certificate, but for the one that the caller has.
type KnownCertificate struct{ Fingerprint string }

// Certificate is what the API's listener shows.
type Certificate struct {
	Chain       [][]byte // DER, the leaf first; empty: the caller's is the one in use
	Fingerprint string
}

// errNoTLS is for a front that believes in another configuration.
var errNoTLS = &aaa.Error{Kind: aaa.KindNotFound, Message: "the API is not served over TLS"}

// ListenerCertificate returns the chain in use.
var ListenerCertificate = define("tls.certificate", public, func(_ context.Context, s *Served, q *KnownCertificate) (Certificate, error) {
	if s.KeyPairs == nil {
		return Certificate{}, errNoTLS
	}
	pair := s.KeyPairs.Current()
	c := Certificate{Fingerprint: Fingerprint(pair)}
	if c.Fingerprint != q.Fingerprint {
		c.Chain = pair.Certificate
	}
	return c, nil
})

// DeviceKeyPairs are those of the listeners for devices.
type DeviceKeyPairs interface {
	KeyPairs
	// Authorities are the certificates (DER) of the authorities that sign those of devices.
	Authorities() [][]byte
}

// KnownDeviceTLS asks for a DeviceTLS, but for the one that the caller has.
type KnownDeviceTLS struct{ Sum string }

// DeviceTLS is what the listeners for devices show and trust.
type DeviceTLS struct {
	Sum         string // of all; what follows is empty where it is the caller's
	Pair        Certificate
	Authorities [][]byte // DER
}

// DeviceCertificate returns what the listeners for devices show and trust.
var DeviceCertificate = define("tls.devices", public, func(_ context.Context, s *Served, q *KnownDeviceTLS) (DeviceTLS, error) {
	if s.Devices == nil {
		return DeviceTLS{}, &aaa.Error{Kind: aaa.KindNotFound, Message: "no devices are served over TLS"}
	}
	pair, authorities := s.Devices.Current(), s.Devices.Authorities()
	h := sha256.New()
	for _, list := range [][][]byte{pair.Certificate, authorities} {
		fmt.Fprintf(h, "%d", len(list))
		for _, der := range list {
			fmt.Fprintf(h, ",%d,%s", len(der), der)
		}
	}
	d := DeviceTLS{Sum: hex.EncodeToString(h.Sum(nil))}
	if d.Sum != q.Sum {
		d.Pair, d.Authorities = Certificate{Chain: pair.Certificate, Fingerprint: Fingerprint(pair)}, authorities
	}
	return d, nil
})

// pairOf is a pair of one of the listeners; nil: there is none of that name.
func (p *Parts) pairOf(fingerprint string) *tls.Certificate {
	if p.KeyPairs != nil {
		if pair := p.KeyPairs.ByFingerprint(fingerprint); pair != nil {
			return pair
		}
	}
	if p.Devices != nil {
		return p.Devices.ByFingerprint(fingerprint)
	}
	return nil
}

// Signing is what a handshake needs signed.
type Signing struct {
	Fingerprint string
	Hash        uint // a crypto.Hash; 0: Message is the message itself, as Ed25519 wants it
	PSS         bool // RSA-PSS with a salt as long as the hash
	Message     []byte
}

// maxSigned bounds a message that is not hashed. The longest of a handshake is that of TLS 1.2 with the public key of X25519MLKEM768.
const maxSigned = 4 << 10

// Sign signs with the key of a listener.
var Sign = define("tls.sign", public, func(ctx context.Context, s *Served, q *Signing) ([]byte, error) {
	if s.KeyPairs == nil && s.Devices == nil {
		return nil, errNoTLS
	}
	pair := s.pairOf(q.Fingerprint)
	if pair == nil {
		return nil, &aaa.Error{Kind: aaa.KindNotFound, Message: "the certificate is not in use"}
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, aaa.Errorf(aaa.KindInternal, "the key of the listener does not sign")
	}
	options, err := q.check(key.Public())
	if err != nil {
		return nil, &aaa.Error{Kind: aaa.KindBadInput, Message: "nothing to sign: " + err.Error()}
	}
	leave, err := signing.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return key.Sign(rand.Reader, q.Message, options)
})

// maxSigning is how many handshakes wait for their signature. Those beyond fail at once, as all would in the end.
const maxSigning = 256

// signs are the turns of handshakes to have something signed. A signature costs its stranger nothing and a processor a millisecond or more, so one
// processor of two is left to those who have shown a token.
type signs struct {
	at      *semaphore.Weighted
	waiting atomic.Int32
}

// signing are those of the process.
var signing = newSigns()

func newSigns() *signs { return &signs{at: semaphore.NewWeighted(int64(admission.HeavyAtOnce()))} }

// enter waits for a turn. Without an error, leave is owed.
func (s *signs) enter(ctx context.Context) (leave func(), err error) {
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > maxSigning {
		return nil, &aaa.Error{Kind: aaa.KindBusy, RetryAfter: time.Second, Message: "too many handshakes are under way"}
	}
	if err := s.at.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	return func() { s.at.Release(1) }, nil
}

// check refuses what no handshake asks for.
func (q *Signing) check(key crypto.PublicKey) (crypto.SignerOpts, error) {
	hash := crypto.Hash(q.Hash)
	_, edwards := key.(ed25519.PublicKey)
	_, isRSA := key.(*rsa.PublicKey)
	switch {
	case edwards && (hash != 0 || len(q.Message) > maxSigned):
		return nil, fmt.Errorf("Ed25519 takes a message of at most %d octets", maxSigned)
	case edwards:
		return hash, nil
	case hash != crypto.SHA256 && hash != crypto.SHA384 && hash != crypto.SHA512:
		return nil, errors.New("the hash is another than SHA-256, SHA-384 and SHA-512")
	case len(q.Message) != hash.Size():
		return nil, errors.New("the digest is not as long as its hash")
	case q.PSS && !isRSA:
		return nil, errors.New("PSS is for RSA keys")
	case q.PSS:
		return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}, nil
	}
	return hash, nil
}

// RemotePair makes a pair of a chain whose key stays in the security module. The handshakes with it ask there.
func RemotePair(to line.Caller, c *Certificate) (*tls.Certificate, error) {
	if len(c.Chain) == 0 {
		return nil, errors.New("the chain is empty")
	}
	leaf, err := x509.ParseCertificate(c.Chain[0])
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: c.Chain, Leaf: leaf, PrivateKey: &remoteKey{line: to, public: leaf.PublicKey, fingerprint: c.Fingerprint}}, nil
}

// remoteKey is a crypto.Signer.
type remoteKey struct {
	line        line.Caller
	public      crypto.PublicKey
	fingerprint string
}

// Public implements crypto.Signer.
func (k *remoteKey) Public() crypto.PublicKey { return k.public }

// signTime bounds a handshake's wait for a security module that is being started anew.
const signTime = 5 * time.Second

// Sign implements crypto.Signer. The random source is the other process's.
func (k *remoteKey) Sign(_ io.Reader, message []byte, options crypto.SignerOpts) ([]byte, error) {
	q := Signing{Fingerprint: k.fingerprint, Hash: uint(options.HashFunc()), Message: message}
	if pss, ok := options.(*rsa.PSSOptions); ok {
		if pss.SaltLength != rsa.PSSSaltLengthEqualsHash && pss.SaltLength != pss.Hash.Size() {
			return nil, errors.New("the salt of a signature is as long as its hash")
		}
		q.PSS = true
	}
	ctx, cancel := context.WithTimeout(context.Background(), signTime)
	defer cancel()
	for {
		signature, err := Sign.Call(ctx, k.line, line.From{At: time.Now()}, q)
		if kind := aaa.KindOf(err); kind != aaa.KindUnavailable && kind != aaa.KindBusy || backoff.Sleep(ctx, 50*time.Millisecond) != nil {
			return signature, err
		}
	}
}
