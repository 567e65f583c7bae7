package session

import (
	"maps"
	"time"

	"aaa-api/internal/aaa"
)

// HolderKey is the request key by which a verb names the holder that OPEN gave its caller. It is optional: the SID is the key to the
// session, and the holder only tells a caller that lost the session from the one that has it.
const HolderKey = "holder"

// takeHolder takes the holder out of a verb's values; empty if the verb names none.
func takeHolder(values aaa.Values) (holder string, rest aaa.Values, err error) {
	given, ok := values[HolderKey]
	if !ok {
		return "", values, nil
	}
	if holder, ok = given.(string); !ok || holder == "" {
		return "", nil, aaa.Invalid(aaa.Field{Path: HolderKey, Rule: "type", Message: "must be the text that came with open", Target: "string"})
	}
	rest = maps.Clone(values)
	delete(rest, HolderKey)
	return holder, rest, nil
}

// allows is where a verb leads from the session's place. While the session is open or suspended it refuses any verb of a former holder.
func (s *session) allows(v Verb, holder string) (Place, error) {
	if holder != "" && holder != s.private.Holder && s.place().accounted() {
		const why = "superseded: the session was opened again since"
		return s.place(), &aaa.Error{
			Kind: aaa.KindConflict, Message: why,
			Fields: []aaa.Field{{Path: HolderKey, Rule: "superseded", Message: why}},
		}
	}
	return Next(s.place(), v)
}

// hold gives the session to the caller of OPEN. Its counters begin at 0, so what was used before is the base that they add to.
func (s *session) hold(now time.Time) {
	s.Counters.SessionTime = s.sessionTime(now)
	s.Base, s.Timed = s.Counters, false
	s.private.Holder = aaa.NewID()
	s.HeldAt, s.ChangedAt, s.SuspendedAt = now, now, time.Time{}
	s.NextInterim = time.Time{}
	if s.InterimInterval > 0 {
		s.NextInterim = now.Add(seconds(s.InterimInterval))
	}
}

// heldAt is when OPEN was last called. Versions that knew one OPEN a session wrote that time as OpenedAt alone.
func (s *session) heldAt() time.Time {
	if s.HeldAt.IsZero() {
		return s.OpenedAt
	}
	return s.HeldAt
}
