package radius

import (
	"math/bits"

	"aaa-api/internal/radius"
)

// slot is the request that a reply with an identifier answers.
type slot struct {
	client  *client
	pending *pending // nil: nothing is awaited
	key     *radius.Key
	auth    radius.Authenticator
	code    radius.Code
	eap     bool
}

// slots are a lane's identifiers. Only those in use have a slot, so the many lanes with few requests are small. A free one is
// found in at most five words; a map of slots took a fifth of an exchange's time.
type slots struct {
	used  [identifiers / 64]uint64 // a bit for each identifier
	at    [identifiers]byte        // index of an identifier's slot, if in use
	list  []slot
	spare []byte // free indices of list
	next  byte   // where to look from, so that an identifier is used again as late as possible
	count int
}

// take returns the next free identifier and marks it as used. There must be one.
func (s *slots) take(c *client) byte {
	i := int(s.next) >> 6
	free := ^s.used[i] &^ (1<<(s.next&63) - 1) // in this word those before next come last
	for free == 0 {
		i = (i + 1) % len(s.used)
		free = ^s.used[i]
	}
	id := byte(i<<6 + bits.TrailingZeros64(free))
	s.next = id + 1
	s.used[i] |= 1 << (id & 63)
	s.count++
	if n := len(s.spare); n > 0 {
		s.at[id] = s.spare[n-1]
		s.spare = s.spare[:n-1]
	} else {
		s.at[id] = byte(len(s.list))
		s.list = append(s.list, slot{})
	}
	s.list[s.at[id]] = slot{client: c}
	return id
}

// get returns the slot of an identifier, nil if it is not in use.
func (s *slots) get(id byte) *slot {
	if s.used[id>>6]&(1<<(id&63)) == 0 {
		return nil
	}
	return &s.list[s.at[id]]
}

// free gives an identifier in use back.
func (s *slots) free(id byte) {
	s.list[s.at[id]] = slot{}
	s.spare = append(s.spare, s.at[id])
	s.used[id>>6] &^= 1 << (id & 63)
	s.count--
}
