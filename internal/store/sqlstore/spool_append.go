package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// Append reads what waits of the sessions of its records, set by set, and decides by it, without locks. A transaction at the same time may
// append to the same session, or settle the record before: neither sees the other. A record that is put behind one that is just settled is
// looked at again after behindFor.
func (s spool) Append(ctx context.Context, list []store.SpoolRecord) (out []store.SpoolAppended, err error) {
	if len(list) == 0 {
		return nil, nil
	}
	part := s.parts.one()
	out, err = s.append(ctx, list, part, false)
	if errors.Is(err, store.ErrExists) {
		out, err = s.append(ctx, list, part, true)
	}
	return out, err
}

// append is a try of Append, which is ErrExists where a record is there already, unless it is made for that: nearly all records are new,
// and databases store one much faster if they need not be ready to leave it out.
func (s spool) append(ctx context.Context, list []store.SpoolRecord, part int64, again bool) (out []store.SpoolAppended, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, tx Conn) error {
		a := newAppending(list, s.db.MaxRows())
		if err := tx.Batch(ctx, a.look()); err != nil {
			return err
		}
		if err := tx.Batch(ctx, a.repeats()); err != nil {
			return err
		}
		a.once()
		if err := tx.Batch(ctx, a.replace()); err != nil {
			return err
		}
		a.decide()
		if err := tx.Batch(ctx, a.insert(again, s.db.MaxInserted())); err != nil {
			return err
		}
		out = a.out
		return a.ledger.write(ctx, tx, part)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// appending is one try of an Append.
type appending struct {
	list   []store.SpoolRecord
	order  []int // of list, by account and id, without repetitions of an id
	most   int   // rows of a statement
	lines  []*line
	out    []store.SpoolAppended
	due    []time.Time
	lease  []store.Lease
	there  map[spoolKey]int // where in list a record is
	known  []bool           // records that repeat another one
	over   []bool           // Interim records that a newer one of the list replaces
	ledger ledger
}

// line is what waits of a session, and what is to be added to it.
type line struct {
	account aaa.AccountID
	session string
	adds    []int // of list, in the order of delivery
	met     bool  // it has records
	first   waiting
}

// waiting is a record as it waits. Its id is empty if there is none.
type waiting struct {
	kind int64
	id   string
	idle bool // it has no lease
}

func newAppending(list []store.SpoolRecord, most int) *appending {
	a := &appending{
		list: list, most: most, out: make([]store.SpoolAppended, len(list)), due: make([]time.Time, len(list)), over: make([]bool, len(list)), known: make([]bool, len(list)),
		lease: make([]store.Lease, len(list)), there: make(map[spoolKey]int, len(list)), ledger: make(ledger),
	}
	lines := make(map[[2]string]*line)
	for i, r := range list {
		a.out[i] = store.SpoolRepeated
		if _, twice := a.there[spoolKey{r.Account, r.ID}]; twice {
			continue
		}
		a.there[spoolKey{r.Account, r.ID}] = i
		a.order = append(a.order, i)
		a.due[i], a.lease[i] = r.DueAt, r.Lease
		if r.Session == "" {
			continue
		}
		key := [2]string{string(r.Account), r.Session}
		l := lines[key]
		if l == nil {
			l = &line{account: r.Account, session: r.Session}
			lines[key] = l
			a.lines = append(a.lines, l)
		}
		l.adds = append(l.adds, i)
	}
	slices.SortFunc(a.order, func(i, j int) int {
		return spoolKey{list[i].Account, list[i].ID}.compare(spoolKey{list[j].Account, list[j].ID})
	})
	slices.SortFunc(a.lines, func(l, m *line) int {
		return cmp.Or(cmp.Compare(l.account, m.account), cmp.Compare(l.session, m.session))
	})
	for _, l := range a.lines {
		slices.SortFunc(l.adds, func(i, j int) int {
			return cmp.Or(cmp.Compare(spoolKind(list[i].Kind), spoolKind(list[j].Kind)), cmp.Compare(list[i].ID, list[j].ID))
		})
	}
	return a
}

// eachAccount gives the parts of a sorted list that are of one account, in sets.
func eachAccount[T any](list []T, most int, account func(T) aaa.AccountID, each func(account aaa.AccountID, set []T)) {
	for len(list) > 0 {
		of := account(list[0])
		n := slices.IndexFunc(list, func(v T) bool { return account(v) != of })
		if n < 0 {
			n = len(list)
		}
		inSets(list[:n], most, func(set []T) { each(of, set) })
		list = list[n:]
	}
}

func lineAccount(l *line) aaa.AccountID { return l.account }

// repeatedAmong is how many of the last records of a kind that a session has, waiting and parked, are searched for a repetition.
const repeatedAmong = 16

// look reads the first record of each session. Most have none, for theirs are delivered.
func (a *appending) look() (list []Statement) {
	eachAccount(a.lines, a.most, lineAccount, func(account aaa.AccountID, set []*line) {
		list = append(list, firsts(account, set, func(l *line) string { return l.session }, func(l *line, parked bool, w waiting) {
			if l.met = true; !parked {
				l.first = w
			}
		}))
	})
	return list
}

// repeats reads which records repeat a stored one.
func (a *appending) repeats() (list []Statement) {
	var digested []int
	for _, l := range a.lines {
		for _, i := range l.adds {
			if l.met && a.list[i].Digest != "" {
				digested = append(digested, i)
			}
		}
	}
	eachAccount(digested, a.most, func(i int) aaa.AccountID { return a.list[i].Account }, func(account aaa.AccountID, set []int) {
		args := []any{string(account)}
		for _, i := range set {
			r := a.list[i]
			since, until := r.EventAt.Add(-sameInterim), r.EventAt.Add(sameInterim)
			if r.Kind != store.SpoolInterim {
				since, until = time.Unix(0, 0), time.Unix(1<<37, 0) // whenever
			}
			args = append(args, int64(i), spoolLine(account, r.Session), r.Session, spoolKind(r.Kind), r.Digest, *nullable(since), *nullable(until))
		}
		one := func(state int) string {
			return fmt.Sprintf(`(SELECT w.n FROM (SELECT digest, event_at FROM spool s WHERE s.line = w.line AND s.line <> 0 AND s.account_id = $1 AND s.session = w.session
				AND s.state = %d AND s.kind = w.kind ORDER BY s.id DESC LIMIT %d) l WHERE l.digest = w.digest AND l.event_at >= w.since AND l.event_at <= w.until LIMIT 1)`,
				state, repeatedAmong)
		}
		list = append(list, Statement{
			SQL: `WITH w (n, line, session, kind, digest, since, until) AS (VALUES ` +
				tuples(len(set), 2, "bigint,bigint,,bigint,,timestamptz,timestamptz") + `) SELECT n FROM w WHERE ` + one(0) + ` = w.n OR ` + one(1) + ` = w.n`, Args: args,
			Row: func(scan Scan) error {
				n, err := scanInt(scan)
				if err == nil {
					a.known[n] = true
				}
				return err
			},
		})
	})
	return list
}

// sameInterim is how far apart the times of an Interim record and of its repetition can be.
const sameInterim = 2 * time.Second

// firsts asks for the first waiting records of sessions, or for a parked one where none waits. Each is a lookup in the index of
// its own, whatever the planner knows: as a join, it may be planned as a scan of all records.
func firsts[T any](account aaa.AccountID, set []T, session func(T) string, found func(v T, parked bool, w waiting)) Statement {
	args := []any{string(account)}
	for i, v := range set {
		args = append(args, int64(i), spoolLine(account, session(v)))
	}
	return Statement{
		SQL: `WITH w (n, line) AS (VALUES ` + tuples(len(set), 2, "bigint,bigint") + `)
		SELECT n, (SELECT f.state || CASE WHEN f.lease_until IS NULL THEN '-' ELSE 'l' END || f.kind || f.id FROM spool f
		WHERE f.line = w.line AND f.line <> 0 AND f.account_id = $1 ORDER BY f.state, f.kind, f.id LIMIT 1) FROM w`,
		Args: args, Row: func(scan Scan) error {
			var n int64
			var text *string
			if err := scan(&n, &text); err != nil || text == nil {
				return err
			}
			first := *text
			found(set[n], first[0] != '0', waiting{kind: int64(first[2] - '0'), id: first[3:], idle: first[1] == '-'})
			return nil
		},
	}
}

// newest is the last Interim record that is to be added to a session; ok is false if there is none.
func (a *appending) newest(l *line) (i int, ok bool) {
	for _, n := range slices.Backward(l.adds) {
		if a.list[n].Kind == store.SpoolInterim {
			return n, true
		}
	}
	return 0, false
}

// replace deletes the Interim records that newer ones overtake.
func (a *appending) replace() (list []Statement) {
	lines := slices.Clone(a.lines)
	slices.SortStableFunc(lines, func(l, m *line) int { // nearly in the order of ids, in which claims lock rows
		return cmp.Or(cmp.Compare(l.account, m.account), cmp.Compare(l.first.id, m.first.id))
	})
	for _, l := range lines {
		n, ok := a.newest(l)
		if !ok || l.first.id == "" || l.first.kind > spoolInterim {
			continue
		}
		list = append(list, Statement{SQL: `DELETE FROM spool WHERE account_id = $1 AND line = $4 AND line <> 0 AND session = $2 AND kind = 1 AND id < $3 AND ` + spoolUnleased +
			` RETURNING id, octet_length(payload)`, Args: []any{string(l.account), l.session, a.list[n].ID, spoolLine(l.account, l.session)}, Row: func(scan Scan) error {
			var id string
			var octets int64
			err := scan(&id, &octets)
			d := a.ledger.of(l.account)
			d.replaced++
			d.gone(0, octets)
			if id == l.first.id {
				l.first = waiting{}
			}
			return err
		}})
	}
	return list
}

// once leaves out the records that repeat a stored one, or another one of the list.
func (a *appending) once() {
	for _, l := range a.lines {
		for k, i := range l.adds {
			r := a.list[i]
			a.known[i] = a.known[i] || r.Digest != "" && slices.ContainsFunc(l.adds[:k], func(j int) bool {
				o := a.list[j]
				return !a.known[j] && o.Digest == r.Digest && o.Kind == r.Kind && (r.Kind != store.SpoolInterim || o.EventAt.Sub(r.EventAt).Abs() <= sameInterim)
			})
		}
		l.adds = slices.DeleteFunc(l.adds, func(i int) bool { return a.known[i] })
	}
	a.order = slices.DeleteFunc(a.order, func(i int) bool { return a.known[i] })
}

// decide tells what each record is to be stored as.
func (a *appending) decide() {
	for _, i := range a.order {
		a.out[i] = store.SpoolStored
	}
	for _, l := range a.lines {
		newest, _ := a.newest(l)
		before := l.first
		for _, i := range l.adds {
			r := a.list[i]
			kind := spoolKind(r.Kind)
			if kind == spoolInterim && i != newest {
				a.out[i], a.over[i] = store.SpoolBehind, true
				continue
			}
			if before.id != "" && (before.kind < kind || before.kind == kind && before.id < r.ID) {
				a.out[i], a.lease[i] = store.SpoolBehind, store.Lease{Node: r.Lease.Node}
				if a.due[i] = r.ReceivedAt.Add(behindFor); a.due[i].Before(r.DueAt) {
					a.due[i] = r.DueAt
				}
			}
			before = waiting{kind: kind, id: r.ID}
		}
	}
}

// insert stores the records, so many by a statement. Again: those whose id is there already are left alone, so each has a statement, which
// tells by how many it has written.
func (a *appending) insert(again bool, most int) (list []Statement) {
	unless := ""
	if again {
		unless, most = ` ON CONFLICT (account_id, id) DO NOTHING`, 1
	}
	fresh := make([]int, 0, len(a.order))
	for _, i := range a.order {
		if a.over[i] {
			d := a.ledger.of(a.list[i].Account)
			d.acknowledged++
			d.replaced++
			continue
		}
		fresh = append(fresh, i)
	}
	inSets(fresh, most, func(set []int) {
		args := make([]any, 0, 21*len(set))
		for _, i := range set {
			r := &a.list[i]
			args = append(args, string(r.Account), r.ID, int64(1), spoolKind(r.Kind), r.Session, r.Digest, int64(0), r.Payload, plain(r.AcctSessionID), plain(r.User),
				*nullable(r.EventAt), *nullable(r.ReceivedAt), *nullable(r.KeepUntil), (*time.Time)(nil), *nullable(a.due[i]), nullable(a.lease[i].Until),
				a.lease[i].Node, int64(0), "", "", spoolLine(r.Account, r.Session))
		}
		list = append(list, Statement{SQL: `INSERT INTO spool (` + spoolColumns + `, line) VALUES ` + tuples(len(set), 1, columns(21)) +
			unless, Args: args, Done: func(rows int64) {
			if rows == 0 {
				a.out[set[0]] = store.SpoolRepeated
				return
			}
			for _, i := range set {
				d := a.ledger.of(a.list[i].Account)
				d.acknowledged++
				d.octets += int64(len(a.list[i].Payload))
			}
		}})
	})
	return list
}
