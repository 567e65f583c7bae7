package session

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// body is what the store keeps of a session besides its columns. Nothing in it is secret.
type body struct {
	User     string        `json:"user,omitempty"`
	Server   string        `json:"server,omitempty"`   // that answered last
	Document aaa.AccountID `json:"document,omitempty"` // whose server that is
	Rounds   int           `json:"rounds,omitempty"`
	Until    time.Time     `json:"until,omitzero"` // before it is opened: its end, unless something happens
	Home     home          `json:"home,omitzero"`  // with a challenge: the node that was given it

	AcctSessionID   string    `json:"acct_session_id,omitempty"`
	OpenedAt        time.Time `json:"opened_at,omitzero"`
	ChangedAt       time.Time `json:"changed_at,omitzero"` // when the counters last moved
	NextInterim     time.Time `json:"next_interim,omitzero"`
	InterimInterval int       `json:"interim_interval,omitempty"` // seconds, as the next two
	SessionTimeout  int       `json:"session_timeout,omitempty"`
	IdleTimeout     int       `json:"idle_timeout,omitempty"`
	CookieTimeout   int       `json:"cookie_timeout,omitempty"` // 0: the default

	Starting    bool      `json:"starting,omitempty"`    // the answer to the Start is awaited
	HeldAt      time.Time `json:"held_at,omitzero"`      // when OPEN was last called; see heldAt
	SuspendedAt time.Time `json:"suspended_at,omitzero"` // zero while the session has a holder

	Counters aaa.Counters `json:"counters,omitzero"`
	Base     aaa.Counters `json:"base,omitzero"`       // what Counters were at HeldAt
	Timed    bool         `json:"timed,omitempty"`     // SessionTime is the caller's own, not the clock's
	SentTime uint64       `json:"sent_time,omitempty"` // the last Acct-Session-Time told

	Cause string `json:"cause,omitempty"`
	Stop  *stop  `json:"stop,omitempty"` // the accounting Stop is still to be handed over

	Records uint64 `json:"records,omitempty"` // accounting records that were begun

	Device *device `json:"device,omitempty"` // that keeps the session; nil: its holder does

	Private string `json:"private"` // sealed
}

// home is a node that may keep the dialogue of a challenge in memory.
type home struct {
	Node string `json:"node"`
	URL  string `json:"url,omitempty"`
}

// stop is a Stop that is to be handed over.
type stop struct {
	Next time.Time `json:"next"` // when that is next tried
}

// private is what is sealed: what opens doors, and what the caller told of the user.
type private struct {
	Keys  aaa.Values `json:"keys,omitempty"`  // the caller's, without passwords
	State string     `json:"state,omitempty"` // of the challenge that is out
	// Challenge is the id of the challenge that is out, by which its answer names it.
	Challenge string    `json:"challenge,omitempty"`
	Round     *round    `json:"round,omitempty"`  // the last answer to a challenge
	Holder    string    `json:"holder,omitempty"` // what the last OPEN gave its caller
	Name      string    `json:"name,omitempty"`   // User-Name of the accept (RFC 2865 §5.1)
	Class     aaa.Value `json:"class,omitempty"`  // of the accept (RFC 2865 §5.25)
	CUI       aaa.Value `json:"cui,omitempty"`    // Chargeable-User-Identity of the accept (RFC 4372)
	// What OPEN gives: the accept's.
	AcceptKeys aaa.Values `json:"accept_keys,omitempty"`
	AcceptAVPs aaa.AVPs   `json:"accept_avps,omitempty"`
}

// session is a record in hand.
type session struct {
	rec store.SessionRecord
	body
	private private
}

func (s *session) place() Place {
	return placeOf(s.rec.State, s.rec.Open, s.SuspendedAt, s.rec.EndedAt)
}

// move takes a session to a place. What a node claimed it for in the old place is no longer due.
func (s *session) move(to Place, now time.Time) {
	s.rec.State, s.rec.Open = to.State(), to.accounted()
	s.rec.Lease.End()
	s.private.Challenge, s.private.Round = "", nil
	switch to {
	case Closed, Failed:
		s.rec.EndedAt = now
		s.private.State, s.private.AcceptKeys, s.private.AcceptAVPs = "", nil, nil // of no more use
	default:
		s.rec.EndedAt = time.Time{}
	}
}

// revert takes a session back to where it was before a step that came to nothing. A record that was begun keeps its number: who knows
// what became of it.
func (s *session) revert(back *session) {
	revision, records := s.rec.Revision, s.Records
	*s = *back
	s.rec.Revision, s.Records = revision, records
	s.rec.Lease.End()
}

// fail ends a session that was not authenticated.
func (s *session) fail(cause string, now time.Time) {
	s.move(Failed, now)
	s.Cause = cause
}

// due is when the session next needs something done by itself.
func (s *session) due() time.Time {
	switch s.place() {
	case Init, Cont, Completed:
		return s.Until
	case Opened:
		at, _ := s.expires()
		if !s.NextInterim.IsZero() && (at.IsZero() || s.NextInterim.Before(at)) {
			at = s.NextInterim
		}
		return at
	case Suspended: // without interim records
		at, _ := s.expires()
		return at
	}
	if s.Stop != nil {
		return s.Stop.Next
	}
	return time.Time{}
}

// expires is when the session ends by itself unless something happens, and of which cause.
func (s *session) expires() (at time.Time, cause string) {
	switch s.place() {
	case Init:
		return s.Until, causeLost
	case Cont, Completed:
		return s.Until, causeIdle
	case Opened, Suspended:
		if s.SessionTimeout > 0 {
			at, cause = s.OpenedAt.Add(seconds(s.SessionTimeout)), causeTimeout
			if s.Device != nil && s.Device.Next.After(at) {
				at = s.Device.Next
			}
		}
		if given, why := s.patience(); !given.IsZero() && (at.IsZero() || given.Before(at)) {
			at, cause = given, why
		}
	}
	return at, cause
}

// patience is when an accounted session ends because its holder does nothing or is away, and of which cause.
func (s *session) patience() (at time.Time, cause string) {
	switch {
	case s.Device != nil:
		return s.ChangedAt.Add(s.Device.silence()), causeCarrier
	case !s.SuspendedAt.IsZero():
		return s.SuspendedAt.Add(seconds(cmp.Or(s.CookieTimeout, aaa.DefaultCookieTimeout))), causeCarrier
	case s.IdleTimeout > 0:
		return s.ChangedAt.Add(seconds(s.IdleTimeout)), causeIdle
	}
	return time.Time{}, ""
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// view is the session as answers show it.
func (s *session) view(now time.Time) aaa.Session {
	at, _ := s.expires()
	v := aaa.Session{
		ID: s.rec.ID, Account: s.rec.Account, State: s.rec.State, Open: s.rec.Open, User: s.User, Server: s.Server,
		Rounds: s.Rounds, AcctSessionID: s.AcctSessionID, Counters: s.Counters,
		InterimInterval: s.InterimInterval, SessionTimeout: s.SessionTimeout, IdleTimeout: s.IdleTimeout,
		CreatedAt: s.rec.CreatedAt, OpenedAt: s.OpenedAt, EndedAt: s.rec.EndedAt, ExpiresAt: at, Cause: s.Cause,
	}
	v.Counters.SessionTime = s.sessionTime(now)
	if s.place() == Suspended {
		v.SuspendedAt = s.SuspendedAt
	}
	if s.Device != nil {
		v.Device = s.Device.SessionDevice
	}
	return v
}

func purpose(hash [32]byte) string { return "session/" + hex.EncodeToString(hash[:]) }

// pack writes a session's body into its record.
func (m *Manager) pack(ctx context.Context, s *session) error {
	clear, err := json.Marshal(s.private)
	if err != nil {
		return err
	}
	if s.Private, err = m.vault.Seal(ctx, s.rec.Account, purpose(s.rec.Hash), string(clear)); err != nil {
		return err
	}
	s.rec.DueAt, s.rec.UserHash, s.rec.Suspended = s.due(), userHash(s.User), s.place() == Suspended
	s.rec.Body, err = json.Marshal(s.body)
	return err
}

// unpack reads a record, without what is sealed in it.
func unpack(rec store.SessionRecord) (*session, error) {
	s := &session{rec: rec}
	if err := json.Unmarshal(rec.Body, &s.body); err != nil {
		return nil, fmt.Errorf("session %s of account %s: %w", rec.ID, rec.Account, err)
	}
	return s, nil
}

// open reads a record.
func (m *Manager) open(ctx context.Context, rec store.SessionRecord) (*session, error) {
	s, err := unpack(rec)
	if err != nil {
		return nil, err
	}
	clear, err := m.vault.Open(ctx, rec.Account, purpose(rec.Hash), s.Private)
	if err != nil {
		return nil, fmt.Errorf("session %s of account %s: %w", rec.ID, rec.Account, err)
	}
	if err := aaa.DecodeJSON([]byte(clear.Reveal()), &s.private); err != nil {
		return nil, fmt.Errorf("session %s of account %s: what was sealed does not parse", rec.ID, rec.Account)
	}
	return s, nil
}

// get reads a session by its SID.
func (m *Manager) get(ctx context.Context, account aaa.AccountID, sid string) (*session, error) {
	hash, ok := hashOf(sid)
	if !ok {
		return nil, unknown()
	}
	rec, err := m.store.Get(ctx, account, hash)
	if err != nil {
		return nil, stored(err)
	}
	return m.open(ctx, rec)
}

// byID reads a session by its derived id.
func (m *Manager) byID(ctx context.Context, account aaa.AccountID, id string) (*session, error) {
	rec, err := m.store.ByID(ctx, account, id)
	if err != nil {
		return nil, stored(err)
	}
	return m.open(ctx, rec)
}

// save writes a session that was read.
func (m *Manager) save(ctx context.Context, s *session) error {
	s.rec.UpdatedAt = m.now()
	if err := m.pack(ctx, s); err != nil {
		return err
	}
	rec, err := m.store.Update(ctx, s.rec, s.rec.Revision)
	if err == nil {
		s.rec = rec
	}
	return err
}

// saveAttempts bounds how often a change is tried that others were ahead of.
const saveAttempts = 8

// change reads a session, lets fn change it and writes it; from the start again where another
// write came between. fn's error ends it.
func (m *Manager) change(ctx context.Context, read func() (*session, error), fn func(*session) error) (*session, error) {
	for range saveAttempts {
		s, err := read()
		if err != nil {
			return nil, err
		}
		if err := fn(s); err != nil {
			return nil, err
		}
		if err = m.save(ctx, s); err == nil {
			return s, nil
		}
		if !errors.Is(err, store.ErrStale) {
			return nil, stored(err)
		}
	}
	return nil, aaa.Errorf(aaa.KindConflict, "the session is being changed by others at the same time: try again")
}

// again reads a session anew that is in hand already.
func (m *Manager) again(ctx context.Context, s *session) func() (*session, error) {
	return func() (*session, error) {
		rec, err := m.store.Get(ctx, s.rec.Account, s.rec.Hash)
		if err != nil {
			return nil, stored(err)
		}
		return m.open(ctx, rec)
	}
}

func unknown() error { return aaa.Errorf(aaa.KindNotFound, "there is no such session") }

// stored gives an error of the store its message: what is not there is the session.
func stored(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return unknown()
	}
	return err
}

// maxKept bounds the keys that a session keeps, as JSON.
const maxKept = 64 << 10

// keep remembers those of the caller's keys that are no secrets, by their names or as keys of hidden attributes.
func (s *session) keep(values aaa.Values, hidden []string) error {
	kept := maps.Clone(s.private.Keys)
	if kept == nil {
		kept = make(aaa.Values, len(values))
	}
	for key, value := range values {
		if key == stateKey || key == AnswerKey || aaa.SensitiveName(key) || slices.Contains(hidden, key) {
			continue
		}
		kept[key] = value
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	if len(text) > maxKept {
		return aaa.Invalid(aaa.Field{Rule: "maxLength", Target: maxKept, Message: fmt.Sprintf("the keys of a session take more than %d octets", maxKept)})
	}
	s.private.Keys = kept
	return nil
}
