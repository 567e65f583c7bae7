package gateway

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/plans"
	"aaa-api/internal/session"
	"aaa-api/internal/spool"
)

// track keeps an AAA session for the session that a device's record tells of, if the document says so. The record is safe by now: a session that
// can't be written is repaired by the next record.
func (g *Gateway) track(ctx context.Context, level *plans.CompiledDocument, req *aaa.Request, r *spool.Record) {
	if req.Device == nil || !level.TrackSessions || r.AcctSessionID == "" || session.Kind(r.Kind) == "" {
		return
	}
	d := identity{level, req.Values, level.AsSent(req)}
	t := &session.Tracked{
		Account: req.Account, Device: aaa.SessionDevice{Owner: req.Device.Owner, Client: req.Device.Client, Address: req.Device.From.String()},
		Kind: r.Kind, At: r.EventAt, User: r.User, AcctSessionID: r.AcctSessionID, Digest: r.Digest, NAS: d.nasOf(req.Device), Values: req.Device.SessionNames(),
		Usage: usageOf(req.Values), Cause: aaa.ValueText(req.Values["Acct-Terminate-Cause"]),
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), trackTime)
	defer cancel()
	if err := g.Track(ctx, t); err != nil {
		g.log.WarnContext(ctx, "a device's session is not kept as its record tells", "account", req.Account, "request_id", req.ID, "client", req.Device.Client, "error", err)
	}
}

// trackAlone is track for a record that goes to no server. It ends the sessions of a NAS that began anew too, and an error is that some are
// left: the device sends its record again.
func (g *Gateway) trackAlone(ctx context.Context, route *plans.Route, req *aaa.Request) error {
	if len(route.Walk) == 0 || !route.Walk[0].Level.TrackSessions {
		return nil
	}
	level := route.Walk[0].Level
	r, err := recordOf(level, req, g.now())
	if err != nil {
		g.log.WarnContext(ctx, "a device's record can't be read, so its session is not kept", "account", req.Account, "request_id", req.ID, "client", req.Device.Client, "error", err)
		return nil
	}
	if r.Reboot != "" {
		return g.Rebooted(ctx, r.Account, r.Reboot, r.EventAt)
	}
	g.track(ctx, level, req, r)
	return nil
}

// trackTime bounds the writes of a tracked session: a device waits for its answer meanwhile.
const trackTime = 2 * time.Second

// usageOf is the counters of a record by the names of their attributes, whose upper 32 bits stand apart (RFC 2869 §5.1, §5.2).
func usageOf(values aaa.Values) (u aaa.Usage) {
	for k, c := range aaa.CounterTable {
		n, ok := countOf(values[c.Attribute])
		if !ok {
			continue
		}
		if high, ok := countOf(values[c.Carry]); ok && c.Carry != "" {
			n += high << 32
		}
		u[k] = aaa.Reported{Count: n, Path: c.Attribute}
	}
	return u
}

func countOf(v aaa.Value) (uint64, bool) {
	text := aaa.ValueText(v)
	if n, ok := v.(json.Number); ok {
		text = n.String()
	}
	n, err := strconv.ParseUint(text, 10, 32)
	return n, err == nil
}
