package spool

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/limits"
	"aaa-api/internal/secmod"
	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlite"
	"aaa-api/internal/store/storetest"
)

// house is a store with an account, and a journal, in which faults can be put.
type house struct {
	t       testing.TB
	store   *faulty
	keys    store.Keys
	vault   *secmod.Vault
	kek     *secmod.FileKEK
	journal *paper
	account aaa.AccountID
	limits  *limits.Account
	log     *lines
}

// lines is a log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

// faulty is a real store whose answers can be replaced.
type faulty struct {
	store.Spool
	appends atomic.Int64 // transactions

	mu sync.Mutex
	// fault, if set, is asked before a call: its error is the call's, and with committed the call is made before.
	fault func(list []store.SpoolRecord) (committed bool, err error)
	away  bool
	hung  chan struct{} // a call waits for its context, after the channel is closed once
}

func (f *faulty) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *faulty) look(ctx context.Context) error {
	f.mu.Lock()
	away, hung := f.away, f.hung
	f.mu.Unlock()
	if hung != nil {
		<-ctx.Done()
		return ctx.Err()
	}
	if away {
		return store.ErrUnavailable
	}
	return nil
}

func (f *faulty) Append(ctx context.Context, list []store.SpoolRecord) ([]store.SpoolAppended, error) {
	f.appends.Add(1)
	if err := f.look(ctx); err != nil {
		return nil, err
	}
	f.mu.Lock()
	fault := f.fault
	f.mu.Unlock()
	if fault == nil {
		return f.Spool.Append(ctx, list)
	}
	committed, err := fault(list)
	if err == nil {
		return f.Spool.Append(ctx, list)
	}
	if committed {
		if _, err := f.Spool.Append(ctx, list); err != nil {
			return nil, err
		}
	}
	return nil, err
}

func (f *faulty) Counts(ctx context.Context, account aaa.AccountID) (store.SpoolCounts, error) {
	if err := f.look(ctx); err != nil {
		return store.SpoolCounts{}, err
	}
	return f.Spool.Counts(ctx, account)
}

func (f *faulty) Settle(ctx context.Context, now time.Time, list []store.SpoolSettlement) error {
	if err := f.look(ctx); err != nil {
		return err
	}
	return f.Spool.Settle(ctx, now, list)
}

// paper is a Journal in memory. What Drain gives and does not forget comes again.
type paper struct {
	mu      sync.Mutex
	entries [][]byte
	err     error
	batch   int           // entries of a batch; 0: 512
	drained chan struct{} // receives at the end of a Drain
}

func (p *paper) Append(_ context.Context, entries [][]byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.entries = append(p.entries, entries...)
	}
	return p.err
}

// Drain forgets a batch when take took it.
func (p *paper) Drain(_ context.Context, take func([][]byte) error) error {
	p.mu.Lock()
	left := len(p.entries)
	p.mu.Unlock()
	for left > 0 {
		p.mu.Lock()
		batch := slices.Clone(p.entries[:min(left, cmp.Or(p.batch, 512))])
		p.mu.Unlock()
		if err := take(batch); err != nil {
			return err
		}
		left -= len(batch)
		p.mu.Lock()
		p.entries = p.entries[len(batch):]
		p.mu.Unlock()
	}
	select {
	case p.drained <- struct{}{}:
	default:
	}
	return nil
}

func (p *paper) Len() (entries, octets int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.entries {
		octets += int64(len(e))
	}
	return int64(len(p.entries)), octets
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{t: t, journal: &paper{drained: make(chan struct{}, 1)}, log: &lines{}}
	s, err := sqlite.Open(t.Context(), storetest.File(t, sqlite.Migrate))
	h.must(err)
	t.Cleanup(func() { h.must(s.Close()) })
	h.store, h.keys = &faulty{Spool: s.Spool()}, s.Keys()
	h.kek, err = secmod.CreateKeyFile(filepath.Join(t.TempDir(), "key"))
	h.must(err)
	h.vault = secmod.New(h.kek, s.Keys())
	root, err := s.Accounts().Create(t.Context(), store.Account{ID: aaa.NewAccountID(), Name: "root", Enabled: true})
	h.must(err)
	h.account = root.ID
	h.limits = limits.NewAccount(root.ID)
	return h
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// allow sets limits of the account.
func (h *house) allow(records, octets int64) {
	own := aaa.NoLimits()
	own[aaa.LimitSpoolRecords], own[aaa.LimitSpoolOctets] = records, octets
	h.limits.Set(limits.Root("root", nil).Below(h.account, &own))
}

// spool makes the Spool of a process.
func (h *house) spool(more ...func(*Options)) *Spool {
	o := Options{
		Store: h.store, Vault: h.vault, Journal: h.journal, Node: "node",
		Limits: func(context.Context, aaa.AccountID) (*limits.Account, error) { return h.limits, nil },
		Log:    slog.New(slog.NewTextHandler(h.log, nil)),
	}
	for _, f := range more {
		f(&o)
	}
	s := New(o)
	s.intake.patience = time.Minute
	s.group.size.most = testGroup
	return s
}

// testGroup is how many records the groups of tests have: few, since the race detector makes SQLite slow.
const testGroup = 32

// record makes a record of a session, each with other values.
func (h *house) record(kind store.SpoolKind, session string) *Record {
	return &Record{
		Account: h.account, Kind: kind, Session: session, Digest: aaa.NewID(), AcctSessionID: session, User: "alice",
		Body: Body{RequestID: "r", Values: aaa.Values{"session": session, "octets": json.Number("17")}},
	}
}

// journaled reports whether a record is in the journal.
func (h *house) journaled(held *Held) bool {
	h.journal.mu.Lock()
	defer h.journal.mu.Unlock()
	return slices.ContainsFunc(h.journal.entries, func(b []byte) bool {
		e, err := decodeEntry(b)
		return err == nil && e.ID == held.stored.ID
	})
}

func (h *house) rows() []store.SpoolRecord {
	h.t.Helper()
	list, _, err := h.store.List(h.t.Context(), h.account, store.SpoolFilter{}, store.Page{})
	h.must(err)
	for n, r := range list { // with its payload
		list[n], err = h.store.Get(h.t.Context(), h.account, r.ID)
		h.must(err)
	}
	return list
}

func (h *house) counts() store.SpoolCounts {
	h.t.Helper()
	c, err := h.store.Spool.Counts(h.t.Context(), h.account)
	h.must(err)
	return c
}

// is checks an error's kind.
func (h *house) is(err error, kind aaa.Kind) *aaa.Error {
	h.t.Helper()
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != kind {
		h.t.Fatalf("got %v, want an error of kind %d", err, kind)
	}
	return e
}

func (p *paper) Aside() int { return 0 }
