package radius

import (
	"crypto/hmac"
	"crypto/md5"
	"fmt"
	"hash"
	"sync"
)

// macLen is the length of a Message-Authenticator's value.
const macLen = md5.Size

// noMAC stands where the Message-Authenticator is computed: its value counts as zeros (RFC 3579 §3.2).
var noMAC [macLen]byte

// Key is a shared secret. It is safe for concurrent use.
type Key struct {
	secret []byte
	states sync.Pool // of *state
}

// NewKey makes the key of a secret, which must not be changed afterwards.
func NewKey(secret []byte) *Key { return &Key{secret: secret} }

// Secret is the secret itself.
func (k *Key) Secret() []byte { return k.secret }

// Format keeps the secret out of whatever prints a Key.
func (k *Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, "RADIUS secret ********") }

// state is what computes authenticators under a key. It is used again, because a new HMAC costs four times its use. The
// octets lie in it because whatever is handed to a hash.Hash escapes to the heap.
type state struct {
	mac  hash.Hash
	md5  hash.Hash
	head [HeaderLen]byte
	out  [md5.Size]byte
}

func (k *Key) state() *state {
	if s, ok := k.states.Get().(*state); ok {
		return s
	}
	return &state{mac: hmac.New(md5.New, k.secret), md5: md5.New()}
}

// digest is the MD5 of the packet, with auth as its authenticator, and the secret (RFC 2865 §3).
func (k *Key) digest(b []byte, auth *Authenticator) Authenticator {
	s := k.state()
	copy(s.head[:], b[:4])
	copy(s.head[4:], auth[:])
	s.md5.Reset()
	s.md5.Write(s.head[:])
	s.md5.Write(b[HeaderLen:])
	s.md5.Write(k.secret)
	s.md5.Sum(s.out[:0])
	out := s.out
	k.states.Put(s)
	return out
}

// messageAuthenticator is the HMAC-MD5 of the packet, with auth as its authenticator and zeros as the value of the
// Message-Authenticator, which is at an offset (RFC 3579 §3.2).
func (k *Key) messageAuthenticator(b []byte, auth *Authenticator, at int) [macLen]byte {
	s := k.state()
	copy(s.head[:], b[:4])
	copy(s.head[4:], auth[:])
	s.mac.Reset()
	s.mac.Write(s.head[:])
	s.mac.Write(b[HeaderLen:at])
	s.mac.Write(noMAC[:])
	s.mac.Write(b[at+macLen:])
	s.mac.Sum(s.out[:0])
	out := s.out
	k.states.Put(s)
	return out
}
