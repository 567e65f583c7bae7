package radius

import (
	"crypto/md5"
	"crypto/subtle"
	"errors"

	"aaa-api/internal/aaa"
)

// maxUserPassword is the longest value that RFC 2865 §5.2 hides, in octets.
const maxUserPassword = 128

// maxTunnelPassword is the longest value that fits an attribute once RFC 2868
// §3.5 has added salt, length octet and padding, in octets.
const maxTunnelPassword = 239

var errHidden = errors.New("a hidden value does not decrypt")

// hider applies the three ciphers of RADIUS attributes, which all are MD5 key
// streams over the shared secret and a request authenticator.
type hider struct {
	secret []byte
	auth   *[authLen]byte // of the request
	work   []byte
}

// digest is MD5(secret, a, b).
func (h *hider) digest(a, b []byte) [md5.Size]byte {
	h.work = append(append(append(h.work[:0], h.secret...), a...), b...)
	return md5.Sum(h.work)
}

// chain encrypts p, a multiple of 16 octets, in place: each block's key comes
// from the block of ciphertext before it, the first from the authenticator and salt.
func (h *hider) chain(p, salt []byte) {
	key := h.digest(h.auth[:], salt)
	for len(p) > 0 {
		subtle.XORBytes(p[:16], p[:16], key[:])
		if len(p) > 16 {
			key = h.digest(p[:16], nil)
		}
		p = p[16:]
	}
}

// unchain is the inverse of chain. The last block may be cut short: what is left of it is read all the same.
func (h *hider) unchain(p, salt []byte) {
	key := h.digest(h.auth[:], salt)
	for len(p) > 0 {
		var next [md5.Size]byte
		if len(p) > 16 {
			next = h.digest(p[:16], nil)
		}
		n := min(len(p), 16)
		subtle.XORBytes(p[:n], p[:n], key[:])
		key, p = next, p[n:]
	}
}

// appendUser hides a value as RFC 2865 §5.2 does User-Password. Callers have
// checked that it has at most maxUserPassword octets.
func (h *hider) appendUser(dst, value []byte) []byte {
	start := len(dst)
	dst = append(dst, value...)
	for n := len(dst) - start; n == 0 || n%16 != 0; n++ {
		dst = append(dst, 0)
	}
	h.chain(dst[start:], nil)
	return dst
}

// user reveals in place, without the padding.
func (h *hider) user(p []byte, a *aaa.Attribute) ([]byte, error) {
	if len(p) == 0 || len(p)%16 != 0 || len(p) > maxUserPassword {
		return nil, errHidden
	}
	h.unchain(p, nil)
	return unpadded(p, a), nil
}

// unpadded cuts the NULs off that fill the last block. Those that belong to a number, or to whatever
// else has a size of its own, stay.
func unpadded(p []byte, a *aaa.Attribute) []byte {
	n := len(p)
	for n > 0 && p[n-1] == 0 {
		n--
	}
	if size := max(fixedSize(a.Type), a.Length); size > 0 {
		n = max(n+size-1, size) / size * size
	}
	return p[:min(n, len(p))]
}

// appendTunnel hides a value as RFC 2868 §3.5 does Tunnel-Password: salt, then the
// encrypted length octet, value and padding. Callers have checked that the
// value has at most maxTunnelPassword octets and that no other attribute of the packet has the salt.
func (h *hider) appendTunnel(dst, value []byte, salt uint16) []byte {
	start := len(dst)
	dst = append(dst, byte(salt>>8)|0x80, byte(salt), byte(len(value)))
	dst = append(dst, value...)
	for (len(dst)-start-2)%16 != 0 {
		dst = append(dst, 0)
	}
	h.chain(dst[start+2:], dst[start:start+2])
	return dst
}

// tunnel reveals in place. A length that is no multiple of a block is taken: FreeRADIUS cuts the last block where
// the attribute ends, which a value of 240 to 249 octets needs.
func (h *hider) tunnel(p []byte) ([]byte, error) {
	if len(p) < 2+1 {
		return nil, errHidden
	}
	body := p[2:]
	h.unchain(body, p[:2])
	if n := int(body[0]); n < len(body) {
		return body[1 : 1+n], nil
	}
	return nil, errHidden // the length octet of a wrong secret, or a lie
}

// ascend is Ascend-Send-Secret's cipher, its own inverse: one block, XORed with
// MD5(authenticator, secret). Callers have checked that the value has at most 16 octets.
func (h *hider) appendAscend(dst, value []byte) []byte {
	h.work = append(append(h.work[:0], h.auth[:]...), h.secret...)
	key := md5.Sum(h.work)
	start := len(dst)
	dst = append(dst, key[:]...)
	subtle.XORBytes(dst[start:], dst[start:], value)
	return dst
}

// ascend reveals in place, without the padding.
func (h *hider) ascend(p []byte, a *aaa.Attribute) ([]byte, error) {
	if len(p) != md5.Size {
		return nil, errHidden
	}
	var out [md5.Size]byte
	copy(p, h.appendAscend(out[:0], p))
	return unpadded(p, a), nil
}
