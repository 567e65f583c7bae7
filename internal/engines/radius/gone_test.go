package radius

import (
	"context"
	"errors"
	"testing"
	"time"

	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

// A context that ends after packets were sent leaves a Failure that counts them and tells silence from replies that
// had to be dropped; and it says nothing of the server.
func TestGoneCallerIsToldWhatWasSent(t *testing.T) {
	t.Parallel()
	forge := func(q *enginetest.Query) {
		b := q.Answer(radius.AccessAccept)
		b[10] ^= 1
		q.Send(b)
	}
	for _, tc := range []struct {
		name   string
		script func(*enginetest.Query)
		want   engines.Reason
		cause  error
	}{
		{"silence", func(*enginetest.Query) {}, engines.NoAnswer, context.Canceled},
		{"forged replies", forge, engines.BadReply, engines.ErrUnverified},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s, c := scripted(t, 100*time.Millisecond, 100, tc.script)
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				s.Wait(t, 3)
				cancel()
			}()
			_, err := c.Exchange(ctx, login(avptest.New()))
			var f *engines.Failure
			if !errors.As(err, &f) || f.Reason != tc.want || f.Attempts < 3 {
				t.Errorf("%#v: %v; want %v after %d packets", err, err, tc.want, len(s.Packets()))
			}
			if !errors.Is(err, context.Canceled) || !errors.Is(err, tc.cause) {
				t.Errorf("%v does not tell that the caller has gone, or why replies were dropped", err)
			}
		})
	}
}
