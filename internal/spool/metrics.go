package spool

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// What is counted of records.
const (
	countAcknowledged = "acknowledged" // the store has it, and its caller is told that it is safe
	countRepeated     = "repeated"     // it was there already
	countJournaled    = "journaled"    // the store was away
	countLimited      = "limited"      // its account has as many as it may
	countUnavailable  = "unavailable"  // neither the store nor the journal took it
	countDelivered    = "delivered"
	countFailed       = "failed" // an attempt that came to nothing
	countParked       = "parked"
	countWithdrawn    = "withdrawn" // its caller was told that it is not taken
	countReleased     = "released"  // claimed, and not tried
	countDropped      = "dropped"   // its account is deleted
)

// What is written in groups.
const (
	groupAppend = "append"
	groupSettle = "settle"
)

// Metrics counts what happens to accounting records.
type Metrics struct {
	records *prometheus.CounterVec
	groups  *prometheus.CounterVec
	settled prometheus.Histogram
	watched atomic.Pointer[watched]
	journal atomic.Pointer[Journal]
}

// NewMetrics registers the collectors.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "aaa_api_spool_records_total", Help: "What happened to accounting records on this node, by event.",
		}, []string{"event"}),
		groups: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "aaa_api_spool_groups_total", Help: "Transactions that accounting records, or the outcomes of their attempts, were written in.",
		}, []string{"of"}),
		settled: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "aaa_api_spool_settle_seconds",
			Help:    "How long after an attempt to deliver a record its outcome was written.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .5, 1, 5, 30},
		}),
	}
	for _, event := range []string{
		countAcknowledged, countRepeated, countJournaled, countLimited, countUnavailable,
		countDelivered, countFailed, countParked, countWithdrawn, countReleased, countDropped,
	} {
		m.records.WithLabelValues(event)
	}
	reg.MustRegister(m.records, m.groups, m.settled, backlogCollector{m})
	return m
}

func (m *Metrics) count(event string, n int) { m.records.WithLabelValues(event).Add(float64(n)) }

func (m *Metrics) group(of string) { m.groups.WithLabelValues(of).Inc() }

// appended counts a group that was stored.
func (m *Metrics) appended(out []store.SpoolAppended) {
	m.group(groupAppend)
	repeated := 0
	for _, o := range out {
		if o == store.SpoolRepeated {
			repeated++
		}
	}
	m.count(countRepeated, repeated)
	m.count(countAcknowledged, len(out)-repeated)
}

// refused counts a record that is not taken, by the error that its caller gets; nil is none.
func (m *Metrics) refused(err error) {
	switch {
	case err == nil:
	case aaa.KindOf(err) == aaa.KindLimited:
		m.count(countLimited, 1)
	case aaa.KindOf(err) == aaa.KindUnavailable:
		m.count(countUnavailable, 1)
	}
}

// settlements counts the outcomes of a group that was written.
func (m *Metrics) settlements(group []settlement, now time.Time) {
	m.group(groupSettle)
	for _, o := range group {
		m.count(settledEvents[o.Outcome], 1)
		m.settled.Observe(now.Sub(o.since).Seconds())
	}
}

var settledEvents = map[store.SpoolOutcome]string{
	store.SpoolDelivered: countDelivered, store.SpoolFailed: countFailed, store.SpoolRefused: countParked,
	store.SpoolWithdrawn: countWithdrawn, store.SpoolReleased: countReleased, store.SpoolGone: countDropped,
}

// others names the series that sums the accounts without one of their own.
const others = "other"

var (
	waitingDesc = prometheus.NewDesc("aaa_api_spool_waiting",
		"Accounting records that wait to be delivered. The accounts with the most have series of their own, account=\"other\" sums the rest.", []string{"account"}, nil)
	parkedDesc = prometheus.NewDesc("aaa_api_spool_parked",
		"Accounting records that were given up and are kept until somebody sends them again or drops them.", []string{"account"}, nil)
	octetsDesc         = prometheus.NewDesc("aaa_api_spool_octets", "Octets of waiting and parked accounting records, of all accounts.", nil, nil)
	oldestDesc         = prometheus.NewDesc("aaa_api_spool_oldest_seconds", "How long ago the oldest waiting accounting record was received.", []string{"account"}, nil)
	stuckDesc          = prometheus.NewDesc("aaa_api_spool_stuck_accounts", "Accounts with accounting records that wait for long while others of theirs are delivered.", nil, nil)
	watchedDesc        = prometheus.NewDesc("aaa_api_spool_watched_seconds", "How long ago this node last read what waits.", nil, nil)
	journalEntriesDesc = prometheus.NewDesc("aaa_api_spool_journal_entries", "Entries of this node's journal, which are moved into the database when it is back.", nil, nil)
	journalAsideDesc   = prometheus.NewDesc("aaa_api_spool_journal_aside", "Files of this node's journal that are damaged or of another database: they are put aside for somebody to look at.", nil, nil)
	journalOctetsDesc  = prometheus.NewDesc("aaa_api_spool_journal_octets", "Octets of this node's journal.", nil, nil)
)

// backlogCollector shows the last reading of the backlogs: a scrape does not ask the store.
type backlogCollector struct{ m *Metrics }

// Describe implements prometheus.Collector.
func (c backlogCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{waitingDesc, parkedDesc, octetsDesc, oldestDesc, stuckDesc, watchedDesc, journalEntriesDesc, journalOctetsDesc, journalAsideDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c backlogCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	if j := c.m.journal.Load(); j != nil {
		entries, octets := (*j).Len()
		gauge(journalEntriesDesc, float64(entries))
		gauge(journalOctetsDesc, float64(octets))
		gauge(journalAsideDesc, float64((*j).Aside()))
	}
	w := c.m.watched.Load()
	if w == nil {
		return
	}
	now := w.clock()
	show := func(name string, b store.SpoolCounts) {
		gauge(waitingDesc, float64(b.Waiting), name)
		gauge(parkedDesc, float64(b.Parked), name)
		age := 0.0
		if !b.Oldest.IsZero() {
			age = max(now.Sub(b.Oldest).Seconds(), 0)
		}
		gauge(oldestDesc, age, name)
	}
	var octets int64
	var rest store.SpoolCounts
	for i, b := range w.backlogs {
		octets += b.Octets
		if i < ownSeries {
			show(string(b.Account), b.SpoolCounts)
			continue
		}
		rest.Waiting += b.Waiting
		rest.Parked += b.Parked
		if rest.Oldest.IsZero() || !b.Oldest.IsZero() && b.Oldest.Before(rest.Oldest) {
			rest.Oldest = b.Oldest
		}
	}
	show(others, rest)
	gauge(octetsDesc, float64(octets))
	gauge(stuckDesc, float64(w.stuck))
	gauge(watchedDesc, now.Sub(w.at).Seconds())
}
