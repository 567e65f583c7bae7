package spool

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// An entry of the journal is this octet and JSON. Another version begins with another octet.
const entryVersion = 1

// A copy of an entry that can't be moved is this octet, 8 random ones, so that no two copies are equal, and the entry.
const (
	copyVersion = 2
	copyHead    = 1 + 8
)

// copyOf makes a copy of an entry, which may be a copy.
func copyOf(b []byte) []byte {
	b = original(b)
	out := make([]byte, copyHead, copyHead+len(b))
	out[0] = copyVersion
	aaa.Random(out[1:])
	return append(out, b...)
}

// original is what a copy is of, or else the entry itself.
func original(b []byte) []byte {
	if len(b) >= copyHead && b[0] == copyVersion {
		return b[copyHead:]
	}
	return b
}

func hashOf(b []byte) [16]byte {
	sum := sha256.Sum256(b)
	return [16]byte(sum[:])
}

// entry is a record, or what became of one that was attempted while the store was away.
type entry struct {
	Boot    string        `json:"b"` // names the process that wrote it
	Account aaa.AccountID `json:"a"`
	ID      string        `json:"i"`
	Session string        `json:"s,omitempty"`

	Done *store.SpoolOutcome `json:"o,omitempty"` // nil: the entry is a record

	Hold          bool            `json:"h,omitempty"` // it is attempted by the process that wrote it
	Kind          store.SpoolKind `json:"k,omitempty"`
	Digest        string          `json:"d,omitempty"`
	Payload       string          `json:"p,omitempty"`
	AcctSessionID string          `json:"n,omitempty"`
	User          string          `json:"u,omitempty"`
	EventAt       int64           `json:"e,omitempty"` // microseconds since 1970, as the times below
	ReceivedAt    int64           `json:"r,omitempty"`
	KeepUntil     int64           `json:"t,omitempty"`
}

// maxEntry is the longest entry, in octets: a sealed MaxBody, and names.
const maxEntry = 1 << 20

func recordEntry(boot string, r *store.SpoolRecord, hold bool) ([]byte, error) {
	return entry{
		Boot: boot, Account: r.Account, ID: r.ID, Session: r.Session, Hold: hold, Kind: r.Kind, Digest: r.Digest, Payload: r.Payload,
		AcctSessionID: r.AcctSessionID, User: r.User,
		EventAt: r.EventAt.UnixMicro(), ReceivedAt: r.ReceivedAt.UnixMicro(), KeepUntil: r.KeepUntil.UnixMicro(),
	}.encode()
}

func doneEntry(boot string, r *store.SpoolRecord, outcome store.SpoolOutcome) ([]byte, error) {
	return entry{Boot: boot, Account: r.Account, ID: r.ID, Session: r.Session, Done: &outcome}.encode()
}

func (e entry) encode() ([]byte, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return append([]byte{entryVersion}, text...), nil
}

// decodeEntry reads an entry and checks it, because a disk may hold anything. Its errors do not quote it.
func decodeEntry(b []byte) (*entry, error) {
	if len(b) == 0 || len(b) > maxEntry {
		return nil, fmt.Errorf("a journal entry has %d octets", len(b))
	}
	if b[0] != entryVersion {
		return nil, fmt.Errorf("a journal entry has version %d, which this release does not read", b[0])
	}
	var e entry
	if err := aaa.DecodeJSON(b[1:], &e); err != nil {
		return nil, errors.New("a journal entry does not parse")
	}
	if e.Done != nil {
		if !aaa.IsID(string(e.Account)) || !aaa.IsID(e.ID) || !ends(*e.Done) {
			return nil, errors.New("a journal entry of an outcome has members that no outcome has")
		}
		return &e, nil
	}
	r := e.record()
	if err := checkStored(&r); err != nil {
		return nil, fmt.Errorf("a journal entry: %w", err)
	}
	return &e, nil
}

// record is the record of an entry, without a lease. It is due since it was received.
func (e *entry) record() store.SpoolRecord {
	received := time.UnixMicro(e.ReceivedAt).UTC()
	return store.SpoolRecord{
		Account: e.Account, ID: e.ID, Revision: 1, Kind: e.Kind, Session: e.Session, Digest: e.Digest, State: store.SpoolWaiting, Payload: e.Payload,
		AcctSessionID: e.AcctSessionID, User: e.User,
		EventAt: time.UnixMicro(e.EventAt).UTC(), ReceivedAt: received, KeepUntil: time.UnixMicro(e.KeepUntil).UTC(), DueAt: received,
	}
}

// Bounds of a record's members, in octets.
const (
	maxHash  = 128  // Session and Digest
	maxLabel = 253  // AcctSessionID and User: as long as a RADIUS attribute
	maxTime  = 1e17 // microseconds since 1970, either way: the year 5138
)

// checkStored checks what a store can't hold or would mistake.
func checkStored(r *store.SpoolRecord) error {
	switch {
	case !aaa.IsID(string(r.Account)):
		return errors.New("the account is no id")
	case !aaa.IsID(r.ID):
		return errors.New("the record's id is no id")
	case r.Kind != store.SpoolStart && r.Kind != store.SpoolInterim && r.Kind != store.SpoolStop && r.Kind != store.SpoolOther:
		return errors.New("the record is of an unknown kind")
	case !isHash(r.Session) || !isHash(r.Digest):
		return errors.New("the record's session or digest is no hash")
	case r.AcctSessionID != label(r.AcctSessionID) || r.User != label(r.User):
		return errors.New("the record's names are too long or no text")
	}
	for _, t := range []time.Time{r.EventAt, r.ReceivedAt, r.KeepUntil} {
		if at := t.UnixMicro(); at < -maxTime || at > maxTime {
			return errors.New("the record has an impossible time")
		}
	}
	return nil
}

// isHash reports whether s is a short printable text.
func isHash(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return len(s) <= maxHash
}

// label makes a text that lists show fit to be stored: the record itself has the whole value.
func label(s string) string {
	if len(s) <= maxLabel && utf8.ValidString(s) {
		clean := true
		for i := range len(s) {
			clean = clean && s[i] != 0
		}
		if clean {
			return s
		}
	}
	out := make([]byte, 0, min(len(s), maxLabel))
	for _, c := range s { // an octet that is no text is U+FFFD
		if c == 0 {
			c = utf8.RuneError
		}
		if len(out)+utf8.RuneLen(c) > maxLabel {
			break
		}
		out = utf8.AppendRune(out, c)
	}
	return string(out)
}
