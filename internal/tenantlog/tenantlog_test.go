package tenantlog

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// read returns the lines logged, without time and level.
func read(t *testing.T, b *bytes.Buffer) (list []map[string]any) {
	t.Helper()
	for line := range bytes.Lines(b.Bytes()) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatal(err)
		}
		delete(m, "time")
		delete(m, "level")
		list = append(list, m)
	}
	b.Reset()
	return list
}

func logger(b *bytes.Buffer) *slog.Logger {
	return slog.New(New(slog.NewJSONHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})))
}

// TestOneLineASecond: an account that causes a kind of line all the time has one of it a second, at each level, with the
// number of those left out, however its lines are put together.
func TestOneLineASecond(t *testing.T) {
	t.Parallel()
	for name, say := range map[string]func(*slog.Logger){
		"attributes": func(l *slog.Logger) { l.Warn("trouble", "account", "a", "request_id", "r") },
		"with":       func(l *slog.Logger) { l.With("account", "a").Debug("trouble") },
		"document":   func(l *slog.Logger) { l.Info("trouble", "account", "child", "document", "a") },
		"in a group": func(l *slog.Logger) {
			l.With("account", "a").WithGroup("g").Error("trouble", "account", time.Now().String())
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			var b bytes.Buffer
			log := logger(&b)
			for range 1000 {
				say(log)
			}
			time.Sleep(time.Second)
			for range 10 {
				say(log)
			}
			lines := read(t, &b)
			if len(lines) != 2 || lines[0]["left_out"] != nil {
				t.Fatalf("%s: %d lines, the first %v", name, len(lines), lines[0])
			}
			left := lines[1]["left_out"]
			if g, ok := lines[1]["g"].(map[string]any); ok {
				left = g["left_out"]
			}
			if left != 999.0 {
				t.Errorf("%s: left_out is %v", name, left)
			}
		})
	}
}

// TestKindsAreToldApart: what one account causes keeps no other's line back, nor one of another kind, and the service's own
// lines are all written.
func TestKindsAreToldApart(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	log := logger(&b)
	for range 3 {
		log.Info("own")
		log.Warn("trouble", "account", "a")
		log.Warn("trouble", "account", "b")
		log.Warn("trouble", "account", "x", "document", "b") // b's document is at fault
		log.Warn("other trouble", "account", "a")
		log.Warn("trouble", "account", "a", "server", "s1")
		log.With("server", "s2").Warn("trouble", "account", "a")
		log.Warn("trouble", "account", "a", "server", "s1", "reason", "rubbish")
	}
	for i := range 3 { // what is long is told apart by its beginning
		log.Warn("trouble", "account", "a", "reason", strings.Repeat("x", 100)+strconv.Itoa(i))
	}
	if n := len(read(t, &b)); n != 3+6+1 {
		t.Errorf("%d lines, want 10", n)
	}
}

// TestServiceLinesCostNothing: lines that are no account's cost no memory to tell.
func TestServiceLinesCostNothing(t *testing.T) {
	h := New(slog.DiscardHandler)
	r := slog.NewRecord(time.Now(), slog.LevelInfo, "request", 0)
	r.AddAttrs(slog.String("account_id", "a"), slog.Int("status", 200))
	if n := testing.AllocsPerRun(100, func() { _ = h.Handle(t.Context(), r) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestKindsAreBounded: an account that makes up kinds has a bounded number of lines, accounts together too, and nothing is
// left out uncounted while it goes on.
func TestKindsAreBounded(t *testing.T) {
	t.Parallel()
	var l lines
	now := time.Now()
	count := func(accounts, kinds int) (due, left int) {
		for a := range accounts {
			for k := range kinds {
				n, ok := l.take(kind{account: strconv.Itoa(a), server: strconv.Itoa(k)}, now)
				if left += n; ok {
					due++
				}
			}
		}
		return due, left
	}
	if due, _ := count(1, 1000); due != maxKinds+1 {
		t.Errorf("%d lines of one account, want %d", due, maxKinds+1)
	}
	now = now.Add(every)
	if due, left := count(1, 1000); due != maxKinds+1 || left != 1000-maxKinds-1 {
		t.Errorf("a second later %d lines of one account, %d left out", due, left)
	}
	now = now.Add(remember)
	if due, _ := count(2*maxLines, 1); due != maxLines+1 {
		t.Errorf("%d lines of many accounts, want %d", due, maxLines+1)
	}
	if len(l.told) != maxLines+1 || len(l.kinds) > len(l.told) {
		t.Errorf("%d kinds of %d accounts are remembered", len(l.told), len(l.kinds))
	}
	now = now.Add(remember)
	if left, due := l.take(kind{account: "late"}, now); !due || left != 0 {
		t.Errorf("later a new account has a line: %v, %d left out", due, left)
	}
	if len(l.told) != 1 || len(l.kinds) != 1 {
		t.Errorf("%d kinds of %d accounts are remembered in the end", len(l.told), len(l.kinds))
	}
}
