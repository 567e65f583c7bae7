package spool

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// TestParkedInTime: the records of an account whose server never answers are parked when their time is over, however many wait, and not when each is tried
// next.
func TestParkedInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.server(func(string, *Record) (*aaa.Result, error) {
			time.Sleep(time.Second)
			return silence()
		})
		const many = 700
		for n := range many {
			r := w.stored("a", store.SpoolStart, fmt.Sprint("session", n))
			r.KeepUntil = r.ReceivedAt.Add(10 * time.Minute)
			if _, err := w.rows.Append(t.Context(), []store.SpoolRecord{r}); err != nil {
				t.Fatal(err)
			}
		}
		_, stop := w.run(w.options("one"))
		time.Sleep(10*time.Minute - 2*watchInterval)
		if c := w.balanced("a"); c.Parked != 0 {
			t.Errorf("before their time: %+v", c)
		}
		time.Sleep(2*watchInterval + time.Minute)
		if c := w.balanced("a"); c.Parked != many {
			t.Errorf("a minute after their time: %+v", c)
		}
		if w.log.count("no server took them in time") == 0 {
			t.Errorf("the log:\n%s", w.log.b.String())
		}
		stop()
	})
}
