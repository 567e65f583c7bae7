package usersfile

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"strings"
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

// Verify compares a password with the hash of a name, which has to be equal to the letter. A hash takes a core for about a second
// at most and up to 64 MiB: do computes it when it is its turn. Verify returns an error only if do does.
//
// An unknown or locked name takes as long as some name of the file does. Which one depends on the name and the
// file alone, so that asking again, or asking another node, shows nothing; and
// in a file with hashes of several costs a name with a cheap one is no more known by its time than others.
//
// A password of more than MaxPassword octets or with a NUL is refused (crypt(3) would end there).
func (f *File) Verify(name, password string, do func(work func()) error) (Entry, Verdict, error) {
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
	u := &f.entries[at]
	matches := false
	if err := do(func() { matches = u.digest.Match(password) }); err != nil {
		return Entry{}, Refused, err
	}
	if !matches || !known {
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
