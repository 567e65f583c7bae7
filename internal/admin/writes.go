package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admission"
	"aaa-api/internal/backoff"
	"aaa-api/internal/store"
)

const (
	// syncTime is how long a write may wait until this node uses it.
	syncTime = 2 * time.Second
	// writeTime bounds how long a write that loses against others waits for its turn and tries again.
	writeTime = 10 * time.Second
)

// sync waits until this node uses a write, so that the writer sees it. The write is made whatever comes of this.
func (b *base) sync(ctx context.Context, who *Caller, account aaa.AccountID) {
	if b.Sync == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), syncTime)
	defer cancel()
	if err := b.Sync(ctx); err != nil {
		b.Log.LogAttrs(ctx, slog.LevelWarn, "a write is not yet in use on this node",
			slog.String("account", string(account)), slog.String("request_id", who.RequestID), slog.String("error", err.Error()))
	}
}

// change runs write, which reads what is there and writes it anew, and waits until the change is in use. If the caller names no
// revision, writers of the account on this node take turns, and write runs again if a writer of another node came between. A caller that
// names one hears of the other writer instead.
func (b *base) change(ctx context.Context, who *Caller, account aaa.AccountID, expected aaa.Revisions, write func() error) error {
	err := b.write(ctx, account, expected, write)
	if err == nil {
		b.sync(ctx, who, account)
	}
	return err
}

func (b *base) write(ctx context.Context, account aaa.AccountID, expected aaa.Revisions, write func() error) error {
	if expected.Given && !expected.Any {
		return write()
	}
	bounded, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	turn, err := b.writers.Take(bounded, account) // of writers that read the same revision only one wins: the work of the others is wasted
	if errors.Is(err, admission.ErrNoTurn) {
		return tooManyWriters(ctx)
	} else if err != nil {
		return err
	}
	defer b.writers.End(account, turn)
	for attempt := 1; ; attempt++ {
		begun := time.Now()
		err := write()
		if errors.Is(err, store.ErrUnavailable) && time.Since(begun) >= askTime {
			b.writers.Lose(account, turn, err) // each of those who wait would wait as long, one after the other
		}
		if !errors.Is(err, store.ErrStale) {
			return err
		}
		if backoff.Contended(bounded, attempt) != nil {
			return tooManyWriters(ctx)
		}
	}
}

// tooManyWriters is the error of a write that was not made.
func tooManyWriters(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return &aaa.Error{Kind: aaa.KindBusy, Message: "too many others write to this account; nothing was changed", RetryAfter: time.Second}
}

// matching returns the revision to make a write conditional on, store.AnyRevision if the caller expects none.
func matching(expected aaa.Revisions, current int64) (int64, error) {
	switch {
	case !expected.Given:
		return store.AnyRevision, nil
	case expected.Has(current):
		return current, nil
	}
	return 0, stale(fmt.Sprintf("the current one is %d", current))
}

// stale is the error of a caller whose expected revision is not the current one.
func stale(instead string) error {
	return &aaa.Error{Kind: aaa.KindStale, Message: "the revision expected is not the current one: " + instead}
}
