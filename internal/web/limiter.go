package web

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

// Limiter bounds the requests of each credential.
type Limiter struct {
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

// NewLimiter makes a Limiter of r requests a second; burst at once; a negative r means no limit.
func NewLimiter(r float64, burst int) *Limiter {
	return &Limiter{rate: rate.Limit(r), burst: burst, buckets: xsync.NewMap[string, *bucket]()}
}

// Allow takes one request from the bucket of a credential.
func (l *Limiter) Allow(c *Call, id string) error {
	if l.rate < 0 {
		return nil
	}
	now := time.Now() // not the request's start: a bucket that is asked about the past fills again
	b, ok := l.buckets.Load(id)
	if !ok {
		if l.buckets.Size() >= maxBuckets {
			l.forgetIdle(now)
		}
		b, _ = l.buckets.LoadOrStore(id, &bucket{Limiter: rate.NewLimiter(l.rate, l.burst)})
	}
	if at := now.Unix(); b.used.Load() != at {
		b.used.Store(at)
	}
	if b.AllowN(now, 1) {
		return nil
	}
	wait := time.Duration(float64(time.Second) / float64(l.rate))
	h := c.Header()
	// draft-ietf-httpapi-ratelimit-headers: the quota, what is left, seconds until some is back.
	h.Set("RateLimit-Policy", `"token";q=`+strconv.Itoa(l.burst)+`;w=`+strconv.Itoa(int(math.Ceil(float64(l.burst)/float64(l.rate)))))
	h.Set("RateLimit", `"token";r=0;t=`+strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	return &Failure{
		Status: http.StatusTooManyRequests, Slug: SlugTooMany,
		Detail: fmt.Sprintf("this credential may make %v requests a second, and %d at once", float64(l.rate), l.burst), RetryAfter: wait,
	}
}

// forgetIdle drops buckets that are full again: a new one is just as full.
func (l *Limiter) forgetIdle(now time.Time) {
	full := now.Unix() - int64(math.Ceil(float64(l.burst)/float64(l.rate))) - 1
	l.buckets.Range(func(id string, b *bucket) bool {
		if b.used.Load() < full {
			l.buckets.Delete(id)
		}
		return true
	})
}
