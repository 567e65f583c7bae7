package session

import (
	"context"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// askedDevices answers Disconnect-Requests by script.
type askedDevices struct {
	say   aaa.Disconnected
	err   error
	asked []aaa.SessionDevice
	named aaa.Values
}

func (d *askedDevices) Disconnect(_ context.Context, device aaa.SessionDevice, values aaa.Values) (aaa.Disconnected, error) {
	d.asked, d.named = append(d.asked, device), values
	return d.say, d.err
}

// tracked is a record of a session of a device of account w.mine.
func (w *world) tracked(kind store.SpoolKind, usage aaa.Usage) *Tracked {
	return &Tracked{
		Account: w.mine, Device: aaa.SessionDevice{Owner: w.mine, Client: "ap1", Address: "192.0.2.9"},
		Kind: kind, At: w.clock.now(), User: "alice", AcctSessionID: "s1", NAS: "nas", Usage: usage,
		Values: aaa.Values{"User-Name": "alice", "Acct-Session-Id": "s1", "User-Password": "wonderland"},
	}
}

// only is the one session that is listed.
func (w *world) only(m *Manager) aaa.Session {
	w.t.Helper()
	list, _, err := m.Sessions(w.ctx, w.mine, aaa.SessionFilter{}, store.Page{})
	w.must(err)
	if len(list) != 1 {
		w.t.Fatalf("%d sessions", len(list))
	}
	return list[0]
}

// TestTracked: the records of a device keep a session, whose counters never go back, and nothing of it is accounted a second time.
func TestTracked(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(w *world) {
		m := w.manager("a")
		w.must(m.Track(w.ctx, w.tracked(store.SpoolStart, aaa.Usage{})))
		w.must(m.Track(w.ctx, w.tracked(store.SpoolStart, aaa.Usage{}))) // it is repeated
		if s := w.only(m); !s.Open || s.User != "alice" || s.AcctSessionID != "s1" || s.Device.Client != "ap1" || !s.OpenedAt.Equal(m.now()) {
			w.t.Errorf("%+v", s)
		}
		w.clock.pass(5 * time.Minute)
		w.must(m.Track(w.ctx, w.tracked(store.SpoolInterim, used(100, 200, 1, 2, 300))))
		late := w.tracked(store.SpoolInterim, used(50, 100, 1, 1, 100))
		late.At = late.At.Add(-time.Minute)
		w.must(m.Track(w.ctx, late))
		if s := w.only(m); s.Counters != (aaa.Counters{InputOctets: 100, OutputOctets: 200, InputPackets: 1, OutputPackets: 2, SessionTime: 300}) {
			w.t.Errorf("%+v", s.Counters)
		}
		w.clock.pass(time.Minute)
		stop := w.tracked(store.SpoolStop, used(110, 210, 3, 4, 360))
		stop.Cause = "Idle-Timeout"
		w.must(m.Track(w.ctx, stop))
		w.must(m.Track(w.ctx, w.tracked(store.SpoolInterim, aaa.Usage{}))) // it came late, and opens nothing
		if s := w.only(m); s.Open || s.Cause != "Idle-Timeout" || s.Counters.SessionTime != 360 || !s.EndedAt.Equal(stop.At) {
			w.t.Errorf("%+v", s)
		}
		w.clock.pass(time.Minute)
		w.must(m.Track(w.ctx, w.tracked(store.SpoolStart, aaa.Usage{}))) // a device that counts its sessions anew
		if s := w.only(m); !s.Open || s.Cause != "" || s.Counters.InputOctets != 0 {
			w.t.Errorf("%+v", s)
		}
		m.settle(w.ctx)
		if sent := w.aaa.records(); len(sent) != 0 {
			w.t.Errorf("the session itself was accounted: %+v", sent)
		}
		if s, err := m.byID(w.ctx, w.mine, w.only(m).ID); err != nil || s.private.Keys["User-Password"] != nil {
			w.t.Errorf("a password was kept: %v", err)
		}
	})
}

// TestTrackedStartRepeated: a Start that comes again behind its Stop, as its answer was lost, opens nothing. An equal one that comes later is
// of another session, and so is another one.
func TestTrackedStartRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	tell := func(kind store.SpoolKind, digest string) bool {
		t.Helper()
		record := w.tracked(kind, aaa.Usage{})
		record.Digest = digest
		w.must(m.Track(w.ctx, record))
		return w.only(m).Open
	}
	tell(store.SpoolStart, "one")
	w.clock.pass(10 * time.Second)
	tell(store.SpoolStop, "stop")
	w.clock.pass(10 * time.Second)
	if tell(store.SpoolStart, "one") {
		t.Error("a repetition opened the session again")
	}
	w.clock.pass(11 * time.Second)
	if !tell(store.SpoolStart, "one") {
		t.Error("a Start of a device that was restarted opened nothing")
	}
	w.clock.pass(time.Second)
	tell(store.SpoolStop, "stop")
	w.clock.pass(time.Second)
	if !tell(store.SpoolStart, "two") {
		t.Error("another Start opened nothing")
	}
}

// TestTrackedWithoutItsStart: an interim record of an unknown session begins it, at the time that it tells of; a Stop does not.
func TestTrackedWithoutItsStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	w.must(m.Track(w.ctx, w.tracked(store.SpoolStop, used(1, 2, 3, 4, 60))))
	if list, _, err := m.Sessions(w.ctx, w.mine, aaa.SessionFilter{}, store.Page{}); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	w.must(m.Track(w.ctx, w.tracked(store.SpoolInterim, used(1, 2, 3, 4, 60))))
	if s := w.only(m); !s.Open || !s.OpenedAt.Equal(m.now().Add(-time.Minute)) || s.Counters.SessionTime != 60 {
		t.Errorf("%+v", s)
	}
}

// TestTrackedDisconnect: an administrator's end of a session is what its device says.
func TestTrackedDisconnect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	device := &askedDevices{err: aaa.Errorf(aaa.KindNoAnswer, "silence")}
	m := w.manager("a", func(o *Options) { o.Devices = device })
	w.must(m.Track(w.ctx, w.tracked(store.SpoolStart, aaa.Usage{})))
	id := w.only(m).ID
	end := func() (*aaa.SessionAnswer, error) { return m.CloseSessionByID(w.ctx, w.mine, id, "", aaa.Usage{}, nil) }
	_, err := end()
	w.refused(err, aaa.KindNoAnswer)
	device.err, device.say = nil, aaa.Disconnected{ErrorCause: 404}
	_, err = end()
	w.refused(err, aaa.KindConflict)
	if !w.only(m).Open {
		t.Error("the session ended though its device kept it")
	}
	device.say = aaa.Disconnected{Acknowledged: true}
	a, err := end()
	w.must(err)
	if a.Disconnected == nil || !a.Disconnected.Acknowledged || a.Session.Open || a.Session.Cause != causeAdmin {
		t.Errorf("%+v", a)
	}
	if d := device.asked[2]; d.Client != "ap1" || d.Owner != w.mine || device.named["Acct-Session-Id"] != "s1" {
		t.Errorf("%+v by %v", d, device.named)
	}
	w.must(m.Track(w.ctx, w.tracked(store.SpoolStop, used(7, 8, 9, 10, 11)))) // the device's own, behind its answer
	if s := w.only(m); s.Cause != causeAdmin || s.Counters.InputOctets != 7 {
		t.Errorf("%+v", s)
	}
}

// TestTrackedSessionTimeout: the device is asked when the session's time is over, and again while it does not end the session.
func TestTrackedSessionTimeout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.aaa.terms.Documents[0].SessionTimeout = 3600
	device := &askedDevices{say: aaa.Disconnected{ErrorCause: 501}}
	m := w.manager("a", func(o *Options) { o.Devices = device })
	w.must(m.Track(w.ctx, w.tracked(store.SpoolStart, aaa.Usage{})))
	for _, c := range []struct {
		wait  time.Duration
		asked int
	}{{59 * time.Minute, 0}, {time.Minute, 1}, {59 * time.Second, 1}, {time.Second, 2}, {time.Minute, 2}, {time.Minute, 3}} {
		w.clock.pass(c.wait)
		m.settle(w.ctx)
		if len(device.asked) != c.asked || !w.only(m).Open {
			t.Fatalf("asked %d times, want %d", len(device.asked), c.asked)
		}
	}
	device.say = aaa.Disconnected{ErrorCause: 503} // it has no such session
	w.clock.pass(time.Hour)
	m.settle(w.ctx)
	if s := w.only(m); s.Open || s.Cause != causeTimeout {
		t.Errorf("%+v", s)
	}
}

// TestTrackedSilence: a session whose device sends no more records is lost after several times the time between its records.
func TestTrackedSilence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	w.must(m.Track(w.ctx, w.tracked(store.SpoolStart, aaa.Usage{})))
	w.clock.pass(10 * time.Minute)
	w.must(m.Track(w.ctx, w.tracked(store.SpoolInterim, aaa.Usage{})))
	w.clock.pass(39 * time.Minute)
	m.settle(w.ctx)
	if !w.only(m).Open {
		t.Error("lost too soon")
	}
	w.clock.pass(time.Minute)
	m.settle(w.ctx)
	if s := w.only(m); s.Open || s.Cause != causeCarrier {
		t.Errorf("%+v", s)
	}
	if sent := w.aaa.records(); len(sent) != 0 {
		t.Errorf("%+v", sent)
	}
}

// TestTrackedReboot: a NAS that begins its accounting anew ends what it had, without a Stop: it is the device's to send.
func TestTrackedReboot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	w.must(m.Track(w.ctx, w.tracked(store.SpoolStart, aaa.Usage{})))
	w.clock.pass(time.Minute)
	w.must(m.Rebooted(w.ctx, w.mine, "nas", m.now()))
	if s := w.only(m); s.Open || s.Cause != causeReboot {
		t.Errorf("%+v", s)
	}
	if sent := w.aaa.records(); len(sent) != 0 {
		t.Errorf("%+v", sent)
	}
}
