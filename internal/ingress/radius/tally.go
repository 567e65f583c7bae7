package radius

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/aaa"
	"aaa-api/internal/clients"
	"aaa-api/internal/ingress"
)

// reason is what became of a packet.
type reason uint8

const (
	served reason = iota
	unknownClient
	malformed
	wrongCode
	badSecret
	noMAC
	ambiguous
	noSecret
	loop
	limited
	repeated
	abandoned
	staleState
	usedState
	noAccount
	failed
	unfit
	tooLong
	numReasons
)

var reasonNames = [numReasons]string{
	served:        "answered",
	unknownClient: "unknown client",
	malformed:     "malformed",
	wrongCode:     "code not served here",
	badSecret:     "wrong secret",
	noMAC:         "no Message-Authenticator",
	ambiguous:     "no Message-Authenticator, and several clients have the address",
	noSecret:      "secret not at hand",
	loop:          "loop",
	limited:       "too many Status-Servers",
	repeated:      "repeated",
	abandoned:     "abandoned",
	staleState:    "State of no open challenge",
	usedState:     "State of another packet in flight",
	noAccount:     "account not found",
	failed:        "not answered",
	unfit:         "attribute left out of the reply",
	tooLong:       "reply too long",
}

func (r reason) String() string { return reasonNames[r] }

// logEvery is how often a line of each reason is written at most.
const logEvery = time.Second

// tally counts packets by what became of them, and bounds the lines about them.
type tally struct {
	counts [numReasons]atomic.Uint64
	lines  [numReasons]struct {
		last atomic.Int64 // nanoseconds since 1970
		left atomic.Uint64
	}
}

func (t *tally) count(why reason) { t.counts[why].Add(1) }

// line reports whether a line of a reason may be written, and how many were not since the last one.
func (t *tally) line(why reason, now time.Time) (left uint64, ok bool) {
	l := &t.lines[why]
	last := l.last.Load()
	if now.UnixNano()-last < int64(logEvery) || !l.last.CompareAndSwap(last, now.UnixNano()) {
		l.left.Add(1)
		return 0, false
	}
	return l.left.Swap(0), true
}

// miss answers a packet that nothing proves with silence and a counter. The clients list its sender, and log it.
func (s *Server) miss(p *ingress.Packet, why reason, v ingress.Verdict) ingress.Answer {
	s.tally.count(why)
	s.Clients.Missed(aaa.ClientRADIUS, p.From.Addr(), why.String())
	return ingress.Answer{Verdict: v}
}

// refuse answers a packet with silence, a counter and, not for each, a line.
func (s *Server) refuse(p *ingress.Packet, c *clients.Client, why reason) ingress.Answer {
	s.complain(p, c, why, nil)
	return ingress.Answer{Verdict: ingress.Refused}
}

// complain counts a packet that did not go well, and may write a line about it. err may be nil.
func (s *Server) complain(p *ingress.Packet, c *clients.Client, why reason, err error) {
	s.tally.count(why)
	left, ok := s.tally.line(why, s.Now())
	if !ok {
		return
	}
	attrs := make([]slog.Attr, 0, 8)
	attrs = append(attrs, slog.String("reason", why.String()), slog.String("listener", p.Listener.String()), slog.String("from", p.From.Addr().String()))
	if c != nil {
		attrs = append(attrs, slog.String("account", string(c.Account)), slog.String("client", c.Name))
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	if left > 0 {
		attrs = append(attrs, slog.Uint64("left_out", left))
	}
	s.Log.LogAttrs(context.Background(), slog.LevelWarn, "a RADIUS packet of a device did not go well", attrs...)
}

var packetsDesc = prometheus.NewDesc("aaa_api_radius_server_packets_total",
	"RADIUS packets of network devices, by what became of them.", []string{"result"}, nil)

// Describe implements prometheus.Collector.
func (s *Server) Describe(ch chan<- *prometheus.Desc) { ch <- packetsDesc }

// Collect implements prometheus.Collector.
func (s *Server) Collect(ch chan<- prometheus.Metric) {
	for why := range numReasons {
		ch <- prometheus.MustNewConstMetric(packetsDesc, prometheus.CounterValue, float64(s.tally.counts[why].Load()), why.String())
	}
}

// silent reports the errors after which a device had better ask another server: this one can't tell.
func silent(k aaa.Kind) bool {
	switch k {
	case aaa.KindBadInput, aaa.KindTooLong, aaa.KindForbidden, aaa.KindBanned:
		return false
	default:
		return true
	}
}
