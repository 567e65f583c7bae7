package session

import (
	"context"
	"os"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
)

// reach brings a session to a place, by the verbs where callers can, else by its row.
func (w *world) reach(m *Manager, p Place) (sid string) {
	w.t.Helper()
	script := map[Place]func(*aaa.Request) (*aaa.Result, error){Cont: challenge("s"), Failed: rejects}[p]
	if script == nil {
		script = accept(nil)
	}
	w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){script}
	sid = w.start(m).SID
	switch p {
	case Inactive, Init:
		s, err := m.get(w.ctx, w.mine, sid)
		w.must(err)
		s.move(p, m.now())
		w.must(m.save(w.ctx, s))
	case Opened, Suspended, Closed:
		_, err := m.OpenSession(w.ctx, w.mine, sid, nil)
		w.must(err)
		switch p {
		case Suspended:
			w.suspend(m, sid)
		case Closed:
			_, err = m.CloseSession(w.ctx, w.mine, sid, "", aaa.Usage{}, nil)
			w.must(err)
		}
	}
	return sid
}

// TestTable: every verb in every place leads where this table says, or is refused with the state's name and changes nothing.
func TestTable(t *testing.T) {
	t.Parallel()
	want := map[Place]map[Verb]Place{
		Inactive:  {},
		Init:      {CLOSE: Failed},
		Cont:      {CONT: Completed, CLOSE: Failed},
		Completed: {OPEN: Opened, CLOSE: Closed},
		Opened:    {OPEN: Opened, INTERIM: Opened, SUSPEND: Suspended, CLOSE: Closed},
		Suspended: {OPEN: Opened, CLOSE: Closed},
		Closed:    {},
		Failed:    {},
	}
	do := map[Verb]func(context.Context, *Manager, aaa.AccountID, string) error{
		CONT: func(ctx context.Context, m *Manager, a aaa.AccountID, sid string) error {
			_, err := m.ContinueSession(ctx, a, sid, aaa.Values{"code": "1"}, "r")
			return err
		},
		OPEN: func(ctx context.Context, m *Manager, a aaa.AccountID, sid string) error {
			_, err := m.OpenSession(ctx, a, sid, nil)
			return err
		},
		INTERIM: func(ctx context.Context, m *Manager, a aaa.AccountID, sid string) error {
			_, err := m.ReportSession(ctx, a, sid, aaa.Usage{}, nil)
			return err
		},
		SUSPEND: func(ctx context.Context, m *Manager, a aaa.AccountID, sid string) error {
			_, err := m.SuspendSession(ctx, a, sid, aaa.Usage{}, nil)
			return err
		},
		CLOSE: func(ctx context.Context, m *Manager, a aaa.AccountID, sid string) error {
			_, err := m.CloseSession(ctx, a, sid, "", aaa.Usage{}, nil)
			return err
		},
	}
	for p := Inactive; p < places; p++ {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			m := w.manager("a")
			for v, call := range do {
				sid := w.reach(m, p)
				w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){accept(nil)}
				w.aaa.take()
				before, err := m.get(w.ctx, w.mine, sid)
				w.must(err)
				err = call(w.ctx, m, w.mine, sid)
				after, gerr := m.get(w.ctx, w.mine, sid)
				w.must(gerr)
				if to, legal := want[p][v]; legal {
					w.must(err)
					if after.place() != to {
						t.Errorf("%v leads to %v, want %v", v, after.place(), to)
					}
					continue
				}
				w.refused(err, aaa.KindConflict)
				if !strings.Contains(err.Error(), string(p.State())) {
					t.Errorf("the refusal %q does not name the state", err)
				}
				if after.rec.Revision != before.rec.Revision || len(w.aaa.sent) > 0 {
					t.Errorf("%v was refused and wrote or sent something", v)
				}
			}
		})
		if _, err := Next(p, INIT); (err == nil) != (p == Inactive) {
			t.Errorf("INIT in %v: %v", p, err)
		}
	}
}

// TestForeign: to another account a SID leads nowhere, whatever is done with it, and a text that is none does not either.
func TestForeign(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	sid := w.opened(m, nil)
	for account, sids := range map[aaa.AccountID][]string{w.foreign: {sid}, w.mine: {newSID(), "", sid + "A", sid[:42], sid[:42] + "="}} {
		for _, sid := range sids {
			var errs [6]error
			_, errs[0] = m.Session(w.ctx, account, sid)
			_, errs[1] = m.ContinueSession(w.ctx, account, sid, nil, "r")
			_, errs[2] = m.OpenSession(w.ctx, account, sid, nil)
			_, errs[3] = m.ReportSession(w.ctx, account, sid, aaa.Usage{}, nil)
			_, errs[5] = m.SuspendSession(w.ctx, account, sid, aaa.Usage{}, nil)
			_, errs[4] = m.CloseSession(w.ctx, account, sid, "", aaa.Usage{}, nil)
			for _, err := range errs {
				w.refused(err, aaa.KindNotFound)
			}
		}
	}
	if len(w.aaa.take()) > 0 {
		t.Error("something was sent")
	}
	w.is(m, sid, Opened, "")
}

// TestDocs holds the table of docs/sessions.md to the one in the code.
func TestDocs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/sessions.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := markdown(); !strings.Contains(string(text), want) {
		t.Errorf("docs/sessions.md does not hold this table:\n%s", want)
	}
}

// markdown is the table as docs/sessions.md shows it.
func markdown() string {
	var b strings.Builder
	b.WriteString("| state |")
	for v := range verbs {
		b.WriteString(" " + v.String() + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", int(verbs)) + "\n")
	for p := Inactive; p < places; p++ {
		b.WriteString("| " + p.String() + " |")
		for v := range verbs {
			cell := "–"
			if to := table[p][v]; to != nowhere {
				cell = to.String()
			}
			b.WriteString(" " + cell + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}
