package spool

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// TestAlarm: a backlog that ages while its account's servers take other records is an alarm, every five minutes. One that ages since nothing is
// taken is none.
func TestAlarm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		poison := w.put("ages", store.SpoolStart, "poison")
		w.server(func(_ string, r *Record) (*aaa.Result, error) {
			if r.ID == poison || r.Account == "silent" {
				return silence()
			}
			return accepted, nil
		})
		w.put("silent", store.SpoolStart, "session")
		reg := prometheus.NewRegistry()
		o := w.options("one")
		o.Metrics = NewMetrics(reg)
		_, stop := w.run(o)
		for range 60 * 2 {
			w.put("ages", store.SpoolStop, fmt.Sprint("session", w.next))
			time.Sleep(10 * time.Second)
		}
		const told = `msg="accounting records wait although the account's servers take others" account=ages`
		if n := w.log.count(told); n != 4 || w.log.count("account=silent waiting") != 0 {
			t.Errorf("%d alarms in twenty minutes:\n%s", n, w.log.b.String())
		}
		if n := o.Metrics.watched.Load().stuck; n != 1 {
			t.Errorf("%d accounts are stuck", n)
		}
		time.Sleep(20 * time.Minute) // nothing is delivered any more
		if n := w.log.count(told); n != 4 {
			t.Errorf("%d alarms", n)
		}
		stop()
		if w.rows.tidied != 3 && w.rows.tidied != 4 {
			t.Errorf("the ledgers are tidied %d times in forty minutes", w.rows.tidied)
		}
	})
}

// TestMetrics: however many accounts have a backlog, few have series of their own, and the sums are whole.
func TestMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		reg := prometheus.NewRegistry()
		o := w.options("one")
		o.Metrics, o.Journal = NewMetrics(reg), journalOf{entries: 7, octets: 700}
		s := New(o)
		const accounts = 3 * ownSeries
		for n := range accounts {
			for range 1 + n%2 {
				w.put(aaa.AccountID(fmt.Sprint("account", n)), store.SpoolStart, "")
			}
		}
		time.Sleep(time.Minute)
		newAlarm(s).look(t.Context())
		all, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		series, waiting, journal := 0, 0.0, 0.0
		for _, f := range all {
			series += len(f.GetMetric())
			for _, m := range f.GetMetric() {
				switch f.GetName() {
				case "aaa_api_spool_waiting":
					waiting += m.GetGauge().GetValue()
				case "aaa_api_spool_journal_octets":
					journal = m.GetGauge().GetValue()
				case "aaa_api_spool_journal_aside":
					if m.GetGauge().GetValue() != 3 {
						t.Errorf("put aside are %v", m)
					}
				case "aaa_api_spool_oldest_seconds":
					if m.GetGauge().GetValue() != 60 {
						t.Errorf("the oldest is %v", m)
					}
				}
			}
		}
		if waiting != 1.5*accounts || journal != 700 || series > 3*ownSeries+30 {
			t.Errorf("%d series, %v records, a journal of %v octets", series, waiting, journal)
		}
	})
}

// journalOf is a Journal that only tells its length.
type journalOf struct {
	Journal
	entries, octets int64
}

func (j journalOf) Aside() int { return 3 }

func (j journalOf) Len() (entries, octets int64) { return j.entries, j.octets }

// TestCounters: what happens to records is counted by event, what is not stored too.
func TestCounters(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	reg := prometheus.NewRegistry()
	s := h.spool(func(o *Options) { o.Metrics = NewMetrics(reg) })
	again := h.record(store.SpoolStart, "one")
	h.must(s.Store(t.Context(), again))
	h.must(s.Store(t.Context(), again))
	held, err := s.Hold(t.Context(), h.record(store.SpoolStart, "two"))
	h.must(err)
	_, _, err = held.Attempt(t.Context(), func(context.Context, aaa.Values) (*aaa.Result, error) { return accepted, nil })
	h.must(err)
	h.allow(1, 1<<30)
	h.is(s.Store(t.Context(), h.record(store.SpoolStart, "three")), aaa.KindLimited)
	s.settler.close()
	all, err := reg.Gather()
	h.must(err)
	got := make(map[string]float64)
	for _, f := range all {
		for _, m := range f.GetMetric() {
			if n := m.GetCounter().GetValue(); n > 0 {
				got[f.GetName()+" "+m.GetLabel()[0].GetValue()] = n
			}
		}
	}
	want := map[string]float64{
		"aaa_api_spool_records_total acknowledged": 2, "aaa_api_spool_records_total repeated": 1, "aaa_api_spool_records_total delivered": 1,
		"aaa_api_spool_records_total limited": 1, "aaa_api_spool_groups_total append": 3, "aaa_api_spool_groups_total settle": 1,
	}
	if !maps.Equal(got, want) {
		t.Errorf("counted %v, want %v", got, want)
	}
}
