package sqlstore

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// settling is one try of a Settle, or of another write that takes records out of their sessions.
type settling struct {
	now    time.Time // zero: unknown; what is due at once is due since it was received
	most   int
	known  map[spoolKey]settled
	ended  map[[2]string]struct{} // account and session of records that others waited for
	ledger ledger
}

// settled is a record as it is before its outcome is written.
type settled struct {
	attempts string
	state    int64
	octets   int64
	session  string
}

func newSettling(now time.Time, most int) *settling {
	return &settling{now: now, most: most, known: make(map[spoolKey]settled), ended: make(map[[2]string]struct{}), ledger: make(ledger)}
}

// Settle implements store.Spool. Records behind a failed or released one are not touched: they are not claimed before it.
func (s spool) Settle(ctx context.Context, now time.Time, list []store.SpoolSettlement) error {
	if len(list) == 0 {
		return nil
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b store.SpoolSettlement) int {
		return spoolKey{a.Account, a.ID}.compare(spoolKey{b.Account, b.ID})
	})
	var delivered, others []store.SpoolSettlement
	for _, o := range list {
		if o.Outcome == store.SpoolDelivered {
			delivered = append(delivered, o)
		} else {
			others = append(others, o)
		}
	}
	part := s.parts.one()
	return s.db.Write(ctx, func(ctx context.Context, tx Conn) error {
		t := newSettling(now, s.db.MaxRows())
		if err := tx.Batch(ctx, append(t.deliver(delivered), t.look(others)...)); err != nil {
			return err
		}
		outcomes, err := t.outcomes(others)
		if err != nil {
			return err
		}
		if err := tx.Batch(ctx, outcomes); err != nil {
			return err
		}
		return t.end(ctx, tx, part)
	})
}

func settledAccount(o store.SpoolSettlement) aaa.AccountID { return o.Account }

// settledArgs are an account and the ids of records of it.
func settledArgs(account aaa.AccountID, set []store.SpoolSettlement) []any {
	args := []any{string(account)}
	for _, o := range set {
		args = append(args, o.ID)
	}
	return args
}

// deliver deletes delivered records.
func (t *settling) deliver(list []store.SpoolSettlement) (out []Statement) {
	eachAccount(list, t.most, settledAccount, func(account aaa.AccountID, set []store.SpoolSettlement) {
		out = append(out, Statement{
			SQL:  `DELETE FROM spool WHERE account_id = $1 AND id IN ` + among(len(set), 2) + ` RETURNING session, state, octet_length(payload)`,
			Args: settledArgs(account, set), Row: func(scan Scan) error {
				var k settled
				err := scan(&k.session, &k.state, &k.octets)
				t.gone(account, k).delivered++
				return err
			},
		})
	})
	return out
}

// gone takes a deleted record from the ledger and lets its session go on. The caller adds what became of the record.
func (t *settling) gone(account aaa.AccountID, k settled) *spoolDelta {
	t.over(account, k.session)
	d := t.ledger.of(account)
	d.gone(k.state, k.octets)
	return d
}

func (t *settling) over(account aaa.AccountID, session string) {
	if session != "" {
		t.ended[[2]string{string(account), session}] = struct{}{}
	}
}

// look reads the records of other outcomes.
func (t *settling) look(list []store.SpoolSettlement) (out []Statement) {
	eachAccount(list, t.most, settledAccount, func(account aaa.AccountID, set []store.SpoolSettlement) {
		out = append(out, Statement{
			SQL:  `SELECT id, attempts, state, octet_length(payload), session FROM spool WHERE account_id = $1 AND id IN ` + among(len(set), 2),
			Args: settledArgs(account, set), Row: func(scan Scan) error {
				var id string
				var k settled
				err := scan(&id, &k.attempts, &k.state, &k.octets, &k.session)
				t.known[spoolKey{account, id}] = k
				return err
			},
		})
	})
	return out
}

// outcomes writes all outcomes but deliveries, if the claim is still the one that was settled.
func (t *settling) outcomes(list []store.SpoolSettlement) (out []Statement, err error) {
	for _, o := range list {
		k, there := t.known[spoolKey{o.Account, o.ID}]
		if !there {
			continue
		}
		const set, where = `UPDATE spool SET revision = revision + 1, lease_until = NULL, `, ` WHERE account_id = $1 AND id = $2 AND revision = $3 AND state = 0 RETURNING revision`
		args := []any{string(o.Account), o.ID, o.Revision}
		var attempts string
		if o.Outcome == store.SpoolFailed || o.Outcome == store.SpoolRefused || o.Outcome == store.SpoolWithdrawn {
			if attempts, err = addAttempt(k.attempts, o.Attempt); err != nil {
				return nil, err
			}
		}
		effect := func() {}
		var sql string
		if o.Outcome == store.SpoolWithdrawn { // what is left was acknowledged to another caller, and is parked
			out = append(out, Statement{
				SQL: `DELETE FROM spool WHERE account_id = $1 AND id = $2 AND revision = $3 AND state = 0 AND repeated = 0 RETURNING revision`, Args: args,
				Row: func(scan Scan) error {
					_, err := scanInt(scan)
					t.gone(o.Account, k).acknowledged--
					return err
				},
			})
		}
		switch o.Outcome {
		case store.SpoolFailed:
			sql = set + `due_at = $4, tries = tries + 1, attempts = $5, server = $6` + where
			args = append(args, *nullable(o.DueAt), attempts, plain(o.Attempt.Server))
		case store.SpoolReleased:
			sql = set + `due_at = $4` + where
			args = append(args, *nullable(o.DueAt))
		case store.SpoolRefused, store.SpoolWithdrawn:
			sql = set + `state = 1, parked_at = $4, due_at = NULL, tries = tries + 1, attempts = $5, server = $6` + where
			args = append(args, *nullable(t.now), attempts, plain(o.Attempt.Server))
			effect = func() {
				t.over(o.Account, k.session)
				t.ledger.of(o.Account).parked++
			}
		case store.SpoolGone:
			sql = `DELETE FROM spool` + where
			effect = func() { t.gone(o.Account, k).dropped++ }
		default:
			continue
		}
		out = append(out, Statement{SQL: sql, Args: args, Row: func(scan Scan) error {
			_, err := scanInt(scan)
			effect()
			return err
		}})
	}
	return out, nil
}

// addAttempt adds an attempt to those that are remembered.
func addAttempt(text string, a store.SpoolAttempt) (string, error) {
	list, err := parseAttempts(text)
	if err != nil {
		return "", err
	}
	list = append(list, a)
	b, err := json.Marshal(list[max(0, len(list)-store.MaxSpoolAttempts):])
	return string(b), err
}

// end makes due what waited for the records that are gone, and writes the ledger. Others that are due already are written too, so that
// a look which has seen them behind a record that is gone now does not put them off.
func (t *settling) end(ctx context.Context, tx Conn, part int64) error {
	sessions := slices.SortedFunc(maps.Keys(t.ended), func(a, b [2]string) int {
		return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	})
	var list []Statement
	var next []spoolKey
	eachAccount(sessions, t.most, func(s [2]string) aaa.AccountID { return aaa.AccountID(s[0]) }, func(account aaa.AccountID, set [][2]string) {
		list = append(list, firsts(account, set, func(s [2]string) string { return s[1] }, func(_ [2]string, parked bool, w waiting) {
			if w.idle && !parked {
				next = append(next, spoolKey{account, w.id})
			}
		}))
	})
	if err := tx.Batch(ctx, list); err != nil {
		return err
	}
	slices.SortFunc(next, spoolKey.compare)
	list = list[:0]
	for _, k := range next {
		list = append(list, Statement{
			SQL:  `UPDATE spool SET revision = revision + 1, due_at = COALESCE($3, received_at) WHERE account_id = $1 AND id = $2 AND ` + spoolUnleased,
			Args: []any{string(k.account), k.id, nullable(t.now)},
		})
	}
	if err := tx.Batch(ctx, list); err != nil {
		return err
	}
	return t.ledger.write(ctx, tx, part)
}
