package session

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// Tracked is what a network device's accounting record tells of one of the device's sessions.
type Tracked struct {
	Account       aaa.AccountID
	Device        aaa.SessionDevice
	Kind          store.SpoolKind // Start, Interim or Stop
	At            time.Time       // what it tells of
	User          string
	AcctSessionID string     // not empty
	Digest        string     // equal for repetitions
	NAS           string     // names the device's NAS, and no other client's
	Values        aaa.Values // by which the device knows the session
	Usage         aaa.Usage  // counters so far
	Cause         string     // of a Stop: Acct-Terminate-Cause by name
}

// device is the device that keeps a session.
type device struct {
	aaa.SessionDevice
	Last  time.Time `json:"last"`            // what its last record told of
	Start string    `json:"start,omitempty"` // digest of the record that began it
	Gap   int       `json:"gap,omitempty"`   // seconds, the longest between two records; 0: one came
	Next  time.Time `json:"next,omitzero"`   // when it is asked again to end the session
	Asked int       `json:"asked,omitempty"` // how often it was asked to
}

// How long a device may be silent before its session counts as lost: several times as long as it was before, or a week if it sends no
// interim records.
const (
	silentGaps   = 4
	leastSilence = 10 * time.Minute
	mostSilence  = 7 * 24 * time.Hour
)

// silence is how long the device may send nothing.
func (d *device) silence() time.Duration {
	if d.Gap == 0 {
		return mostSilence
	}
	return min(max(silentGaps*seconds(d.Gap), leastSilence), mostSilence)
}

// trackedHash names a device's session. No SID has this hash, so that administrators alone can act on the session.
func trackedHash(t *Tracked) [sha256.Size]byte {
	h := sha256.New()
	for _, part := range []string{"session of a device", string(t.Device.Owner), t.Device.Client, t.NAS, t.AcctSessionID} {
		h.Write(append([]byte(part), 0))
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// Kind is a kind of record that tells of a session; empty for any other.
func Kind(k store.SpoolKind) store.SpoolKind {
	switch k {
	case store.SpoolStart, store.SpoolInterim, store.SpoolStop:
		return k
	default:
		return ""
	}
}

// Track keeps an AAA session for a session of a device. A Start begins it, an interim record too if its Start was not seen; a Stop ends it. It is
// done again without harm, and a record that is older than what is known changes no more than counters that have grown. Nothing is sent to a
// server: the device's records are.
func (m *Manager) Track(ctx context.Context, t *Tracked) error {
	terms, err := m.aaa.Terms(ctx, t.Account)
	if err != nil {
		return err
	}
	hash := trackedHash(t)
	read := func() (*session, error) {
		rec, err := m.store.Get(ctx, t.Account, hash)
		if err != nil {
			return nil, err
		}
		return m.open(ctx, rec)
	}
	for range 2 { // another node can begin it at the same time
		_, err = m.change(ctx, read, func(s *session) error { return m.follow(s, t, &terms) })
		if !errors.Is(err, store.ErrNotFound) {
			return ignoreOver(err)
		}
		if t.Kind == store.SpoolStop {
			return nil // it is over, and nothing was known of it
		}
		if err = m.beginTracked(ctx, t, hash, &terms); !errors.Is(err, store.ErrExists) {
			return err
		}
	}
	return err
}

// beginTracked stores a session that was not known.
func (m *Manager) beginTracked(ctx context.Context, t *Tracked, hash [sha256.Size]byte, terms *Terms) error {
	now := m.now()
	s := &session{rec: store.SessionRecord{
		Account: t.Account, Hash: hash, ID: aaa.SessionID(hash), CreatedAt: now, UpdatedAt: now,
	}}
	if err := m.reopen(s, t, terms); err != nil {
		return err
	}
	if err := m.pack(ctx, s); err != nil {
		return err
	}
	err := m.store.Create(ctx, s.rec, store.MostSessions{Live: terms.Live.Allowed, Stored: terms.Stored.Allowed})
	if err == nil {
		m.metrics.count(string(aaa.SessionOpened))
	}
	return err
}

// reopen begins a session as its device tells of it.
func (m *Manager) reopen(s *session, t *Tracked, terms *Terms) error {
	doc := terms.document(t.Account)
	s.body = body{
		User: t.User, AcctSessionID: t.AcctSessionID, Document: doc.Account, SessionTimeout: doc.SessionTimeout,
		Device: &device{SessionDevice: t.Device, Last: t.At, Start: t.Digest}, Timed: true,
	}
	s.private = private{}
	s.move(Opened, m.now())
	s.rec.NAS = t.NAS
	s.OpenedAt = t.At.Add(-seconds(int(min(t.Usage[aaa.SessionTime].Count, 1<<31)))) //nolint:gosec // bounded
	s.HeldAt, s.ChangedAt = s.OpenedAt, m.now()
	s.grow(t.Usage)
	return s.keep(t.Values, terms.Hidden)
}

// follow takes a record of a session that is known.
func (m *Manager) follow(s *session, t *Tracked, terms *Terms) error {
	switch {
	case s.Device == nil:
		return errOver
	case s.place().accounted():
	case t.Kind == store.SpoolStart && t.At.After(s.Device.Last) && !s.begunBy(t): // a device that started anew counts from the beginning
		return m.reopen(s, t, terms)
	case t.Kind == store.SpoolStop: // after a disconnection
		s.grow(t.Usage)
		return nil
	default:
		return errOver
	}
	d := s.Device
	d.Address = t.Device.Address
	if gap := int(t.At.Sub(d.Last) / time.Second); gap > 0 {
		d.Last, d.Gap = t.At, max(d.Gap, gap)
	}
	s.ChangedAt = m.now()
	s.User = cmp.Or(t.User, s.User)
	s.grow(t.Usage)
	if err := s.keep(t.Values, terms.Hidden); err != nil {
		return err
	}
	if t.Kind == store.SpoolStop {
		end := t.At
		if now := m.now(); end.After(now) {
			end = now
		}
		m.end(s, cmp.Or(t.Cause, CauseUserRequest), end)
	}
	return nil
}

// begunBy reports whether a Start is the one that began the session, repeated as its answer was lost.
func (s *session) begunBy(t *Tracked) bool {
	return t.Digest != "" && t.Digest == s.Device.Start && t.At.Sub(s.OpenedAt) <= t.Kind.RepeatedWithin()
}

// grow takes the counters that are greater than before.
func (s *session) grow(usage aaa.Usage) {
	for k, r := range usage {
		if at := s.Counters.Of(aaa.Counter(k)); r.Path != "" {
			*at = max(*at, r.Count)
		}
	}
}
