package bans

import (
	"time"

	"aaa-api/internal/store"
)

// score adds points that a subject got at a time, and reports whether its ban begins. Points during a ban, and from before it was
// lifted, are void. If the account is full of bans, the score stays below that of one.
func score(b *store.Ban, points int64, at time.Time, p *Policy, full bool) (began bool) {
	if at.Before(b.Until) || !at.After(b.LiftedAt) {
		return false
	}
	endBan(b, at)
	if forgotten(b, at, p.ResetTime) {
		b.Score = 0
	}
	b.Score += points
	b.LastAt = later(b.LastAt, at)
	switch {
	case b.Score < p.MaxScore:
	case full:
		b.Score = p.MaxScore - 1
	default:
		begin(b, at, at.Add(p.BanTime))
		began = true
	}
	expire(b, p.ResetTime)
	return began
}

// begin bans a subject. Its points are spent: after the ban it begins anew.
func begin(b *store.Ban, at, until time.Time) {
	b.Score, b.LastAt, b.BannedAt, b.Until, b.Author, b.Reason = 0, at, at, until, "", ""
}

// endBan takes off a ban that is over.
func endBan(b *store.Ban, now time.Time) {
	if !b.Until.IsZero() && !now.Before(b.Until) {
		b.BannedAt, b.Until, b.Author, b.Reason = time.Time{}, time.Time{}, "", ""
	}
}

// forgotten reports whether so much time has passed since the last points that they count no more.
func forgotten(b *store.Ban, now time.Time, reset time.Duration) bool {
	return !now.Before(b.LastAt.Add(reset))
}

// expire says until when the subject is of interest.
func expire(b *store.Ban, reset time.Duration) {
	if b.Score > 0 {
		b.ExpiresAt = later(b.ExpiresAt, b.LastAt.Add(reset))
	}
	b.ExpiresAt = later(b.ExpiresAt, b.Until)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// takeBan gives b the ban of another one, unless it was lifted since or b's lasts longer.
func takeBan(b, of *store.Ban) {
	if !of.Until.After(b.Until) || !of.BannedAt.After(b.LiftedAt) {
		return
	}
	begin(b, of.BannedAt, of.Until)
	b.Author, b.Reason = of.Author, of.Reason
	b.ExpiresAt = later(b.ExpiresAt, b.Until)
}

// Lift ends a ban at a time, with the points from before. What is stored tells other nodes of it until the ban would have ended.
func Lift(b store.Ban, at time.Time) store.Ban {
	b.Score, b.LiftedAt, b.ExpiresAt = 0, at, later(b.ExpiresAt, at)
	b.BannedAt, b.Until, b.Author, b.Reason, b.Key, b.Value = time.Time{}, time.Time{}, "", "", "", ""
	return b
}

// ByHand bans a subject at a time, in place of any ban from before.
func ByHand(b store.Ban, at, until time.Time, author, reason string) store.Ban {
	begin(&b, at, until)
	b.LiftedAt = at.Add(-time.Microsecond) // the one from before may last longer
	b.Author, b.Reason, b.ExpiresAt = author, reason, later(b.ExpiresAt, until)
	return b
}
