package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/aaa"
	"aaa-api/internal/journal"
	"aaa-api/internal/spool"
)

// journalOctets bounds what a node keeps on its disk while the database is away.
const journalOctets = 1 << 30

// newSpool makes what keeps accounting records, with a journal in the data folder. A node that can't write there refuses
// accounting while the database is away, and does all else.
func (n *module) newSpool(registry prometheus.Registerer) *spool.Spool {
	o := spool.Options{
		Store: n.store.Spool(), Vault: n.vault, Within: n.tenants.Within, Limits: n.tenants.Limits, Node: n.name, Metrics: spool.NewMetrics(registry), Log: n.log,
		Deliver: func(ctx context.Context, r *spool.Record, values aaa.Values) (*aaa.Result, error) {
			return n.gateway.Deliver(ctx, r, values)
		},
		Width:         func(account aaa.AccountID) int { return n.gateway.Width(account) },
		JournalOctets: journalOctets, Disk: spool.DiskOf(n.cfg.DataDir), DiskHoldsStore: n.cfg.DatabaseURL.IsZero(),
		Alone: n.cfg.DatabaseURL.IsZero(), // lockData sees to it
	}
	dir := filepath.Join(n.cfg.DataDir, "journal")
	var err error
	if n.journal, err = journal.Open(dir, n.database(), n.log, journal.Options{MaxOctets: journalOctets}); err != nil {
		n.log.WarnContext(context.Background(), "the journal can't be opened: accounting is refused while the database is away", "path", dir, "error", err)
		n.journal = nil
	} else {
		o.Journal = n.journal
	}
	return spool.New(o)
}

// database tells the node's database from others, to what is kept outside of it.
func (n *module) database() (id [32]byte) {
	mac := hmac.New(sha256.New, n.tokenKey[:])
	mac.Write([]byte("journal"))
	mac.Sum(id[:0])
	return id
}
