package operations

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admission"
	"aaa-api/internal/schema"
	"aaa-api/internal/store"
	"aaa-api/internal/token"
)

// A front checks what strangers send before it calls. What follows holds for a front that strangers have taken over, too.

const (
	// MaxList is how many entries a page of a list has at most.
	MaxList = 10_000
	// maxStart bounds the key that a page begins at.
	maxStart = 256
)

// longest is how long a call may take, its body and the wait for its turn included.
const longest = time.Hour

// came is when a call came, by the clock of this process where the caller's can't be right: credentials end by it.
func came(at time.Time) time.Time {
	if now := time.Now(); at.After(now) || now.Sub(at) > longest {
		return now
	}
	return at
}

// begin corrects what the caller says of time, and lets the call wait for turns of heavy work: one at most, which end gives back. A call of
// another process about configuration waits for a place: what it reads and answers is held in memory, and handlers there hold as few places.
func (s *Served) begin(ctx context.Context, a *Access, waits bool) (err error) {
	s.Who.At = came(s.Who.At)
	if a.Scope == token.ScopeRequest { // AAA requests are not heavy
		return nil
	}
	if s.front != nil && a.Scope != "" && !waits {
		if s.place, err = s.front.places.Take(ctx, s.Who.Principal.Account); err != nil {
			return err
		}
	}
	if s.Heavy == nil {
		return nil
	}
	s.Who.Heavy = func(octets int) error {
		if octets >= admission.HeavyOctets && s.leave == nil && s.Budget != nil {
			if err := s.Budget.HoldShared(&s.holding, int64(octets)); err != nil { // of what waits with what it has read
				return err
			}
		}
		return s.heavy(ctx, octets)
	}
	s.Who.HeavyCheck = func(octets int) error { return s.enter(ctx, octets >= admission.HeavyOctets) }
	return nil
}

// heavy waits for a turn to work on a text of so many octets that was sent, which is held where it was received.
func (s *Served) heavy(ctx context.Context, octets int) error {
	if octets < admission.HeavyOctets {
		return nil
	}
	return s.enter(ctx, true)
}

func (s *Served) enter(ctx context.Context, node bool) (err error) {
	if s.leave == nil && s.Heavy != nil {
		if s.place != nil {
			s.place.LeaveNode()
		}
		s.leave, err = s.Heavy.Enter(ctx, s.Who.Principal.Account, node)
	}
	return err
}

// value takes the data of a document that was sent, and waits for the turn to check it.
func (s *Served) value(ctx context.Context, d aaa.Decoded) (any, error) {
	octets, err := schema.Check(d.Value, s.Admin.Bounds().Document)
	if err != nil {
		return nil, err
	}
	return d.Value, s.heavy(ctx, int(octets))
}

// members takes the data of an object that was sent.
func (s *Served) members(ctx context.Context, d aaa.Decoded) (map[string]any, error) {
	v, err := s.value(ctx, d)
	if err != nil {
		return nil, err
	}
	m, ok := v.(map[string]any)
	if !ok || m == nil {
		return nil, aaa.Invalid(aaa.Field{Path: "data", Rule: "type", Message: "must be an object", Target: "object"})
	}
	return m, nil
}

// upload holds a text that was sent to the octets that it may have, and waits for the turn to compile it.
func (s *Served) upload(ctx context.Context, octets int, most int64) error {
	if int64(octets) > most {
		return aaa.Errorf(aaa.KindTooLong, "the upload has %d octets, at most %d are allowed", octets, most)
	}
	return s.heavy(ctx, octets)
}

// checkPage refuses a page that no list has.
func checkPage(p store.Page) error {
	if p.Limit < 1 || p.Limit > MaxList {
		return aaa.Invalid(aaa.Field{Path: "page_size", Rule: "range", Message: fmt.Sprintf("must be a number from 1 to %d", MaxList), Target: MaxList})
	}
	if len(p.Start) > maxStart || !storable(p.Start) {
		return aaa.Invalid(aaa.Field{Path: "start_key", Rule: "maxLength", Message: fmt.Sprintf("must be the next_start_key of the page before, at most %d octets", maxStart), Target: maxStart})
	}
	return nil
}

// storable reports text that databases take as text.
func storable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// Listed is a part of a list, and the key to go on from; empty at the end.
type Listed[T any] struct {
	Rows []T
	Next string
}

// listed is the answer made of what a list gives.
func listed[T any](rows []T, next string, err error) (Listed[T], error) {
	return Listed[T]{rows, next}, err
}
