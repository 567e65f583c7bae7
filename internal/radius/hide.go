package radius

import (
	"crypto/md5"
	"crypto/subtle"
	"errors"
)

// The longest values that can be hidden, in octets.
const (
	MaxUserPassword   = 128 // RFC 2865 §5.2
	MaxTunnelPassword = 239 // what fits an attribute with tag, salt, length octet and padding (RFC 2868 §3.5)
	MaxAscendSecret   = 16
)

// ErrHidden is a hidden value that does not decrypt.
var ErrHidden = errors.New("a hidden value does not decrypt")

// Cipher is the three ciphers of hidden attributes: MD5 key streams over the secret and the authenticator of the request.
// Those of a reply are hidden under the authenticator of the request that it answers. It is not safe for concurrent use.
type Cipher struct {
	Key     *Key
	Request *Authenticator
	work    []byte
}

// digest is MD5(secret, a, b).
func (c *Cipher) digest(a, b []byte) [md5.Size]byte {
	c.work = append(append(append(c.work[:0], c.Key.secret...), a...), b...)
	return md5.Sum(c.work)
}

// chain encrypts p, a multiple of 16 octets, in place: the key of each block comes from the block of ciphertext
// before it, that of the first from the authenticator and the salt.
func (c *Cipher) chain(p, salt []byte) {
	key := c.digest(c.Request[:], salt)
	for len(p) > 0 {
		subtle.XORBytes(p[:16], p[:16], key[:])
		if len(p) > 16 {
			key = c.digest(p[:16], nil)
		}
		p = p[16:]
	}
}

// unchain is the inverse of chain. The last block may be cut short, and is read as far as it goes.
func (c *Cipher) unchain(p, salt []byte) {
	key := c.digest(c.Request[:], salt)
	for len(p) > 0 {
		var next [md5.Size]byte
		if len(p) > 16 {
			next = c.digest(p[:16], nil)
		}
		n := min(len(p), 16)
		subtle.XORBytes(p[:n], p[:n], key[:])
		key, p = next, p[n:]
	}
}

// AppendUser hides a value of at most MaxUserPassword octets as RFC 2865 §5.2 does User-Password.
func (c *Cipher) AppendUser(dst, value []byte) []byte {
	start := len(dst)
	dst = append(dst, value...)
	for n := len(dst) - start; n == 0 || n%16 != 0; n++ {
		dst = append(dst, 0)
	}
	c.chain(dst[start:], nil)
	return dst
}

// User reveals in place what AppendUser hid, without the padding. size is that of Unpadded.
func (c *Cipher) User(p []byte, size int) ([]byte, error) {
	if len(p) == 0 || len(p)%16 != 0 || len(p) > MaxUserPassword {
		return nil, ErrHidden
	}
	c.unchain(p, nil)
	return Unpadded(p, size), nil
}

// Unpadded cuts off the zero octets that fill the last block. A value whose type has a size, such as a number, keeps whole
// multiples of it; size is 0 for a text.
func Unpadded(p []byte, size int) []byte {
	n := len(p)
	for n > 0 && p[n-1] == 0 {
		n--
	}
	if size > 0 {
		n = max(n+size-1, size) / size * size
	}
	return p[:min(n, len(p))]
}

// AppendTunnel hides a value of at most MaxTunnelPassword octets as RFC 2868 §3.5 does Tunnel-Password and RFC 2548 §2.4.2
// the MPPE keys: the salt, then the encrypted length octet, value and padding. No other attribute of the packet may have the
// same salt. Its top bit is set here.
func (c *Cipher) AppendTunnel(dst, value []byte, salt uint16) []byte {
	start := len(dst)
	dst = append(dst, byte(salt>>8)|0x80, byte(salt), byte(len(value)))
	dst = append(dst, value...)
	for (len(dst)-start-2)%16 != 0 {
		dst = append(dst, 0)
	}
	c.chain(dst[start+2:], dst[start:start+2])
	return dst
}

// Tunnel reveals in place what AppendTunnel hid. The length need not be a multiple of a block: FreeRADIUS cuts the last
// block where the attribute ends, which a value of 240 to 249 octets needs.
func (c *Cipher) Tunnel(p []byte) ([]byte, error) {
	if len(p) < 2+1 {
		return nil, ErrHidden
	}
	body := p[2:]
	c.unchain(body, p[:2])
	if n := int(body[0]); n < len(body) {
		return body[1 : 1+n], nil
	}
	return nil, ErrHidden // the length octet of a wrong secret, or a lie
}

// AppendAscend hides a value of at most MaxAscendSecret octets as Ascend-Send-Secret: one block, XORed with
// MD5(authenticator, secret).
func (c *Cipher) AppendAscend(dst, value []byte) []byte {
	c.work = append(append(c.work[:0], c.Request[:]...), c.Key.secret...)
	key := md5.Sum(c.work)
	start := len(dst)
	dst = append(dst, key[:]...)
	subtle.XORBytes(dst[start:], dst[start:], value)
	return dst
}

// Ascend reveals in place what AppendAscend hid, without the padding. size is that of Unpadded.
func (c *Cipher) Ascend(p []byte, size int) ([]byte, error) {
	if len(p) != md5.Size {
		return nil, ErrHidden
	}
	var out [md5.Size]byte
	copy(p, c.AppendAscend(out[:0], p)) // the cipher is its own inverse
	return Unpadded(p, size), nil
}
