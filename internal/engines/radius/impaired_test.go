package radius

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
)

// On a path that loses, repeats and reorders, every request still gets its own answer.
func TestImpairedPath(t *testing.T) {
	t.Parallel()
	s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) {
		user := find(t, q.Packet, attrUserName)
		q.Send(q.Answer(enginetest.AccessAccept, append([]byte{attrReplyMessage, byte(2 + len(user))}, user...)...))
	})
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
	d := newTestDict()
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for j := range 40 {
				user := string([]byte{byte('a' + i), byte('a' + j/26), byte('a' + j%26)})
				r, err := c.Exchange(t.Context(), &engines.Request{Dict: d, AVPs: []aaa.AVP{d.avp("User-Name", user)}})
				if err != nil {
					t.Error(err)
				} else if got := string(r.AVPs[0].Value); got != user {
					t.Errorf("%s got the answer for %s", user, got)
				}
			}
		})
	}
	wg.Wait()
}
