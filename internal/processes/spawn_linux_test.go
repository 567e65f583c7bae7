package processes

import (
	"strings"
	"testing"
	"time"
)

// TestSpawnSetsSlack: a child has the slack that is asked for, whatever the child before had.
func TestSpawnSetsSlack(t *testing.T) {
	t.Parallel()
	usual := slackOf(t, 0)
	if got := slackOf(t, 700*time.Microsecond); got != "700000" || usual == got {
		t.Errorf("the slack is %s ns, %s ns where none is asked for", got, usual)
	}
	if got := slackOf(t, 0); got != usual {
		t.Errorf("the slack is %s ns after a child with one of its own, %s ns before", got, usual)
	}
}

func slackOf(t *testing.T, slack time.Duration) string {
	t.Helper()
	said := new(safeBuffer)
	p := Program{Path: "/bin/sh", Name: "sh", Log: said}
	c, err := p.Spawn(nil, slack, "-c", "read slack </proc/self/timerslack_ns; echo $slack >&2")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	<-c.Done()
	return strings.TrimSpace(said.String())
}
