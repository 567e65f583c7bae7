package spool

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/claims"
	"aaa-api/internal/store"
)

// mostReason bounds the reason that an attempt is remembered with, in octets.
const mostReason = 500

// verdict is what an attempt came to.
type verdict struct {
	outcome store.SpoolOutcome
	asked   claims.Outcome // what it shows of the account's servers
	server  string         // that was asked last
	reason  string         // why the record is not delivered; it may be shown to the account's administrators
	after   time.Duration  // with SpoolReleased: when it may be tried again
}

// judge says what an attempt came to. If no further attempt can succeed, a record whose caller waits for the answer (direct) is withdrawn, and
// one that was acknowledged is parked for a person to look at.
func judge(res *aaa.Result, err error, direct bool) verdict {
	final := func(reason string) verdict {
		if direct {
			return verdict{outcome: store.SpoolWithdrawn, reason: reason}
		}
		return verdict{outcome: store.SpoolRefused, reason: reason}
	}
	if err == nil {
		switch {
		case res.Outcome == aaa.Reject:
			v := final("refused by the server " + res.Server)
			v.server, v.asked = res.Server, claims.Delivered
			return v
		case res.Outcome == aaa.Off && direct:
			return final("")
		case res.Outcome == aaa.Off:
			return verdict{outcome: store.SpoolFailed, asked: claims.Undelivered, reason: "the account has no accounting server"}
		}
		return verdict{outcome: store.SpoolDelivered, asked: claims.Delivered, server: res.Server}
	}
	var e *aaa.Error
	if !errors.As(err, &e) {
		return verdict{outcome: store.SpoolFailed, asked: claims.Undelivered, reason: "an internal error, which the log tells"}
	}
	switch e.Kind {
	case aaa.KindBadInput:
		return final(e.Error())
	case aaa.KindNotFound:
		if direct {
			return final(e.Error())
		}
		return verdict{outcome: store.SpoolGone, reason: e.Error()}
	case aaa.KindBusy, aaa.KindLimited:
		return verdict{outcome: store.SpoolReleased, reason: e.Error(), after: max(e.RetryAfter, time.Second)}
	case aaa.KindInternal:
		return verdict{outcome: store.SpoolFailed, asked: claims.Undelivered, reason: "an internal error, which the log tells"}
	}
	return verdict{outcome: store.SpoolFailed, asked: claims.Undelivered, server: e.Server, reason: e.Error()}
}

// brief bounds a reason, at the end of a character.
func brief(s string) string {
	if len(s) <= mostReason {
		return s
	}
	return strings.ToValidUTF8(s[:mostReason], "") + "…"
}

// safely runs an attempt and turns a panic into an error.
func safely(ctx context.Context, run func(context.Context) (*aaa.Result, error)) (res *aaa.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			res, err = nil, fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	res, err = run(ctx)
	if err == nil && res == nil {
		err = errors.New("neither an answer nor an error")
	}
	return res, err
}
