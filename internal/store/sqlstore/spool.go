package sqlstore

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

type spool struct {
	db    Driver
	due   *dueCursor
	parts *parts
}

const (
	// spoolEach is how many records of one account one look reads: nodes work on many at once.
	spoolEach = 1024
	// behindFor is when a record that waits behind another one is looked at if the other's end has not made it due: two
	// transactions that don't see each other's rows can do that, and often do where a caller sends the records of a session one right after the other. The
	// first look at what is still behind puts it off for a lease's time.
	behindFor = 2 * time.Second
)

const spoolColumns = `account_id, id, revision, kind, session, digest, state, payload, acct_session_id, user_name,
	event_at, received_at, keep_until, parked_at, due_at, lease_until, node, tries, attempts, server`

// What is read of records that may be many: of a claimed one no long payload, and of a listed one none.
var (
	spoolClaimed = strings.Replace(spoolColumns, "payload", fmt.Sprintf("CASE WHEN octet_length(payload) <= %d THEN payload ELSE '' END", store.MaxSpoolInline), 1)
	spoolListed  = strings.Replace(spoolColumns, "payload", "''", 1)
)

// spoolKinds are the kinds as stored, in the order of delivery.
var spoolKinds = [...]store.SpoolKind{store.SpoolStart, store.SpoolInterim, store.SpoolStop, store.SpoolOther}

// spoolStates are the states as stored.
var spoolStates = [...]store.SpoolState{store.SpoolWaiting, store.SpoolParked}

const spoolInterim = 1 // in spoolKinds

// spoolLine is a number by which the records of a session are found, 0 for a record of none: an index of numbers is smaller than one of
// names. Two sessions of an account that had the same number would be delivered in one line; nothing is deleted by it alone.
func spoolLine(account aaa.AccountID, session string) int64 {
	if session == "" {
		return 0
	}
	sum := sha256.Sum256([]byte(string(account) + session))
	return int64(binary.BigEndian.Uint64(sum[:8]) | 1)
}

func spoolKind(k store.SpoolKind) int64 { return int64(slices.Index(spoolKinds[:], k)) }

// Conditions of a row. spoolBehindOther: another waiting record of its session is before it.
const (
	spoolUnleased    = `state = 0 AND lease_until IS NULL`
	spoolBehindOther = `(line <> 0 AND (SELECT e.id FROM spool e WHERE e.line = spool.line AND e.line <> 0 AND e.account_id = spool.account_id
		AND e.state = 0 ORDER BY e.kind, e.id LIMIT 1) <> id)`
)

func scanSpool(scan Scan) (r store.SpoolRecord, err error) {
	var (
		kind, state, tries int64
		parked, due, lease *time.Time
		attempts, server   string
	)
	if err := scan(&r.Account, &r.ID, &r.Revision, &kind, &r.Session, &r.Digest, &state, &r.Payload, &r.AcctSessionID, &r.User,
		&r.EventAt, &r.ReceivedAt, &r.KeepUntil, &parked, &due, &lease, &r.Lease.Node, &tries, &attempts, &server); err != nil {
		return r, err
	}
	if kind < 0 || kind >= int64(len(spoolKinds)) || state < 0 || state >= int64(len(spoolStates)) {
		return r, fmt.Errorf("record %s of account %s has kind %d and state %d", r.ID, r.Account, kind, state)
	}
	r.Kind, r.State, r.Tries = spoolKinds[kind], spoolStates[state], int(tries)
	r.EventAt, r.ReceivedAt, r.KeepUntil = r.EventAt.UTC(), r.ReceivedAt.UTC(), r.KeepUntil.UTC()
	r.ParkedAt, r.DueAt, r.Lease.Until = utc(parked), utc(due), utc(lease)
	r.Attempts, err = parseAttempts(attempts)
	return r, err
}

// plain makes a caller's text storable in each database. PostgreSQL refuses invalid UTF-8 and U+0000, and with them the whole group of records.
func plain(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

func parseAttempts(text string) (list []store.SpoolAttempt, err error) {
	if text == "" {
		return nil, nil
	}
	err = json.Unmarshal([]byte(text), &list)
	return list, err
}

// spoolKey names a record.
type spoolKey struct {
	account aaa.AccountID
	id      string
}

func (k spoolKey) compare(other spoolKey) int {
	return cmp.Or(cmp.Compare(k.account, other.account), cmp.Compare(k.id, other.id))
}

// Due implements store.Spool.
func (s spool) Due(ctx context.Context, now time.Time, lease store.Lease, take func(aaa.AccountID) bool) ([]store.SpoolRecord, error) {
	return claimable[string, store.SpoolRecord]{
		db: s.db, table: "spool", key: "id", columns: spoolClaimed, scan: scanSpool, cursor: s.due,
		each: spoolEach, blocked: spoolBehindOther, apart: true,
	}.due(ctx, now, lease, take)
}

func (s spool) Get(ctx context.Context, account aaa.AccountID, id string) (store.SpoolRecord, error) {
	return get(ctx, s.db, scanSpool, `SELECT `+spoolColumns+` FROM spool WHERE account_id = $1 AND id = $2`, string(account), plain(id))
}

// recoverBatch is how many records one transaction of Recover makes due.
const recoverBatch = 512

// Recover implements store.Spool. It leaves those alone that wait behind others: the end of those makes them due.
func (s spool) Recover(ctx context.Context, account aaa.AccountID, now time.Time) (total int64, err error) {
	from := now
	for {
		ids, last, n, err := s.recover(ctx, account, now, from)
		total += n
		if err != nil || ids < recoverBatch {
			return total, err
		}
		from = last
	}
}

// recover makes a batch due, those that are due first. What it leaves alone is due at from or later. It looks before it takes the lock of a
// write: an account may have a million records behind others to look at.
func (s spool) recover(ctx context.Context, account aaa.AccountID, now, from time.Time) (found int, last time.Time, n int64, err error) {
	ids, err := all(ctx, s.db, func(scan Scan) (id string, err error) {
		var at time.Time
		err = scan(&id, &at)
		last = at.UTC()
		return id, err
	}, fmt.Sprintf(`SELECT id, due_at FROM spool WHERE account_id = $1 AND %[1]s IS NOT NULL AND %[1]s > $2 AND %[1]s >= $3
		AND (lease_until IS NULL OR lease_until <= $2) AND NOT %[2]s ORDER BY %[1]s LIMIT %[3]d`, ready, spoolBehindOther, recoverBatch),
		string(account), nullable(now), nullable(from))
	if err != nil || len(ids) == 0 {
		return 0, last, 0, err
	}
	found = len(ids)
	slices.Sort(ids)
	err = s.db.Write(ctx, func(ctx context.Context, tx Conn) error {
		n = 0
		list := make([]Statement, len(ids))
		for i, id := range ids {
			list[i] = Statement{
				SQL: `UPDATE spool SET revision = revision + 1, due_at = $3, lease_until = NULL
				WHERE account_id = $1 AND id = $2 AND due_at > $3 AND (lease_until IS NULL OR lease_until <= $3) RETURNING id`,
				Args: []any{string(account), id, nullable(now)},
				Row:  func(scan Scan) error { n++; return scan(&id) },
			}
		}
		return tx.Batch(ctx, list)
	})
	if err != nil {
		return 0, last, 0, err
	}
	return found, last, n, nil
}
