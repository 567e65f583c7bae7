package httpapi

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/puzpuzpuz/xsync/v4"
	"golang.org/x/time/rate"
)

// limiter bounds the requests of each token.
type limiter struct {
	rate    rate.Limit
	burst   int
	buckets *xsync.Map[string, *bucket]
}

type bucket struct {
	*rate.Limiter
	used atomic.Int64 // unix seconds of the last request
}

// maxBuckets is how many tokens are told apart before idle ones are forgotten.
const maxBuckets = 100_000

// newLimiter makes a limiter of r requests a second; a negative r means no limit.
func newLimiter(r float64, burst int) *limiter {
	return &limiter{rate: rate.Limit(r), burst: burst, buckets: xsync.NewMap[string, *bucket]()}
}

// allow takes one request from the bucket of a credential.
func (l *limiter) allow(c *call, id string) error {
	if l.rate < 0 {
		return nil
	}
	b, ok := l.buckets.Load(id)
	if !ok {
		if l.buckets.Size() >= maxBuckets {
			l.forgetIdle(c.start)
		}
		b, _ = l.buckets.LoadOrStore(id, &bucket{Limiter: rate.NewLimiter(l.rate, l.burst)})
	}
	if now := c.start.Unix(); b.used.Load() != now {
		b.used.Store(now)
	}
	if b.AllowN(c.start, 1) {
		return nil
	}
	wait := time.Duration(float64(time.Second) / float64(l.rate))
	h := c.Header()
	// draft-ietf-httpapi-ratelimit-headers: the quota, what is left, seconds until some is back.
	h.Set("RateLimit-Policy", `"token";q=`+strconv.Itoa(l.burst)+`;w=`+strconv.Itoa(int(math.Ceil(float64(l.burst)/float64(l.rate)))))
	h.Set("RateLimit", `"token";r=0;t=`+strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	return &failure{
		status: http.StatusTooManyRequests, slug: slugTooMany,
		detail: fmt.Sprintf("this credential may make %v requests a second, and %d at once", float64(l.rate), l.burst), retryAfter: wait,
	}
}

// forgetIdle drops buckets that are full again: forgetting those gives nobody anything.
func (l *limiter) forgetIdle(now time.Time) {
	full := now.Unix() - int64(math.Ceil(float64(l.burst)/float64(l.rate))) - 1
	l.buckets.Range(func(id string, b *bucket) bool {
		if b.used.Load() < full {
			l.buckets.Delete(id)
		}
		return true
	})
}
