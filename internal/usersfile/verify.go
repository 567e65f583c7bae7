package usersfile

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"runtime"
	"strings"
	"sync"
)

// MaxPassword bounds a password, in octets: what a RADIUS User-Password can carry.
const MaxPassword = 128

// Verdict is what Verify says of a name and a password.
type Verdict int

// The verdicts. Refused is the zero value: an unknown name, a wrong password and a locked
// entry are not to be told apart.
const (
	Refused Verdict = iota
	Accepted
)

func (v Verdict) String() string {
	if v == Accepted {
		return "accepted"
	}
	return "refused"
}

// places are what the process verifies at once: a hash takes a core and up to 64 MiB.
var places = sync.OnceValue(func() chan struct{} { return make(chan struct{}, runtime.GOMAXPROCS(0)) })

// Verify compares a password with the hash of a name, which has to be equal to the letter. It
// waits for its turn, and returns an error only where ctx ends before that: once begun, a hash is computed to its end,
// about a second at most.
//
// An unknown or locked name takes as long as some name of the file does. Which one depends on the name and the
// file alone, so that asking again, or asking another node, shows nothing; and
// in a file with hashes of several costs a name with a cheap one is no more known by its time than others.
//
// A password of more than MaxPassword octets or with a NUL is refused (crypt(3) would end there).
func (f *File) Verify(ctx context.Context, name, password string) (Entry, Verdict, error) {
	if len(password) > MaxPassword || strings.IndexByte(password, 0) >= 0 {
		return Entry{}, Refused, nil
	}
	at, known := f.byName[name]
	known = known && f.entries[at].digest != nil
	if !known {
		if len(f.hashed) == 0 {
			return Entry{}, Refused, nil // all alike
		}
		at = f.standIn(name)
	}
	if err := ctx.Err(); err != nil {
		return Entry{}, Refused, err
	}
	select {
	case places() <- struct{}{}:
	case <-ctx.Done():
		return Entry{}, Refused, ctx.Err()
	}
	defer func() { <-places() }()
	u := &f.entries[at]
	if !u.digest.Match(password) || !known {
		return Entry{}, Refused, nil
	}
	return u.Entry, Accepted, nil
}

// standIn picks the entry whose hash is computed for a name that has none. Who does not know the hashes can't tell which.
func (f *File) standIn(name string) int32 {
	mac := hmac.New(sha256.New, f.salt[:])
	mac.Write([]byte(name))
	return f.hashed[binary.BigEndian.Uint64(mac.Sum(nil))%uint64(len(f.hashed))]
}
