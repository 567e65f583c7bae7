package tacacs

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/binary"
)

// Obfuscate hides a body under the secret, or reveals a hidden one: it XORs the pad of
// RFC 8907 §4.5 onto body, in place. It does nothing if h has FlagUnencrypted. The
// pad depends on the session id, the version and the sequence number of h.
func Obfuscate(body []byte, h Header, secret string) {
	if h.Flags&FlagUnencrypted != 0 || len(body) == 0 {
		return
	}
	// A secret of over 192 octets costs an allocation.
	var room [4 + 192 + 2 + md5.Size]byte
	seed := binary.BigEndian.AppendUint32(room[:0], h.SessionID)
	seed = append(seed, secret...)
	seed = append(seed, h.Version, h.Seq)
	fixed := len(seed)
	for {
		pad := md5.Sum(seed)
		n := subtle.XORBytes(body, body, pad[:min(len(pad), len(body))])
		if body = body[n:]; len(body) == 0 {
			return
		}
		seed = append(seed[:fixed], pad[:]...)
	}
}
