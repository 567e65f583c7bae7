package radius

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/radius/avp/avptest"
)

// On a path that loses, repeats and reorders, every request still gets its own answer.
func TestImpairedPath(t *testing.T) {
	t.Parallel()
	s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) { acceptByName(t, q) })
	rnd := rand.New(rand.NewPCG(1, 2))
	cfg := scriptedServer(s, 100*time.Millisecond, 30)
	cfg.Port = int(enginetest.Impair(t, s.Addr, func(int, bool) (int, time.Duration) {
		copies := 1
		switch x := rnd.IntN(10); {
		case x < 2:
			copies = 0
		case x < 4:
			copies = 2
		}
		return copies, time.Duration(rnd.IntN(5000)) * time.Microsecond
	}).Port())
	c := openTest(t, New(Options{}), cfg)
	d := avptest.New()
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for j := range 40 {
				checkOwnAnswer(t, c, d, string([]byte{byte('a' + i), byte('a' + j/26), byte('a' + j%26)}))
			}
		})
	}
	wg.Wait()
}
