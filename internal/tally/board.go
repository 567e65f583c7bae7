// Package tally adds up the metrics of several processes of one node, so that a scrape sees one service.
//
// Counters, gauges and histograms with the same labels are summed. What says something of one process alone, go_* and process_*, gets a
// label process instead. What a process counted stays in when it is gone.
package tally

import (
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Board has the metrics of a node. One that nobody joined shows those of its own process as they are.
type Board struct {
	process string
	own     prometheus.Gatherer

	mu      sync.Mutex
	joined  bool // somebody did, be they gone
	members map[*Member]struct{}
	gone    sums // of what members counted that left
}

// New makes the board of a process, whose own metrics own gathers.
func New(process string, own prometheus.Gatherer) *Board {
	return &Board{process: process, own: own, members: make(map[*Member]struct{}), gone: make(sums)}
}

// Member is another process.
type Member struct {
	board   *Board
	process string
	last    []byte // that it reported; under board.mu
}

// Join adds a process.
func (b *Board) Join(process string) *Member {
	m := &Member{board: b, process: process}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.joined = true
	b.members[m] = struct{}{}
	return m
}

// Report takes what Write made of all metrics of the process, in the place of what it reported before.
func (m *Member) Report(octets []byte) error {
	if _, err := Read(octets); err != nil {
		return err
	}
	m.board.mu.Lock()
	defer m.board.mu.Unlock()
	m.last = octets
	return nil
}

// Leave ends a process: what it counted stays in.
func (m *Member) Leave() {
	b := m.board
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.members[m]; !ok {
		return
	}
	delete(b.members, m)
	for _, f := range m.families() {
		if t := f.GetType(); (t == dto.MetricType_COUNTER || t == dto.MetricType_HISTOGRAM) && !ofProcess(f) {
			b.gone.add(f)
		}
	}
}

// families are what the process reported.
func (m *Member) families() []*dto.MetricFamily {
	list, err := Read(m.last)
	if err != nil { // Report let it through
		return nil
	}
	return list
}

// Gather implements prometheus.Gatherer.
func (b *Board) Gather() ([]*dto.MetricFamily, error) {
	own, err := b.own.Gather()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.joined {
		return own, err
	}
	all := make(sums)
	all.addAs(b.process, own)
	for m := range b.members {
		all.addAs(m.process, m.families())
	}
	for _, f := range b.gone.list() {
		all.add(copyOf(f))
	}
	return all.list(), err
}

// ofProcess reports a family that says something of one process alone.
func ofProcess(f *dto.MetricFamily) bool {
	return strings.HasPrefix(f.GetName(), "go_") || strings.HasPrefix(f.GetName(), "process_")
}
