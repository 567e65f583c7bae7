package session

import (
	"context"
	"errors"
	"sync"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// Bounds of what one call of Rebooted does.
const (
	rebootPage   = 500
	rebootAtOnce = 16
	rebootTime   = 20 * time.Second
)

// Rebooted ends the sessions of an account that were last opened through a NAS before a time at which that NAS began or ended its
// accounting: it knows them no more. nas is of NASOf. A call ends as many as it can in its time, and is KindBusy if some are left.
func (m *Manager) Rebooted(ctx context.Context, account aaa.AccountID, nas string, at time.Time) error {
	within, cancel := context.WithTimeout(ctx, rebootTime)
	defer cancel()
	for p := (store.Page{Limit: rebootPage}); ; {
		list, next, err := m.store.OfNAS(within, account, nas, p)
		if err == nil {
			err = m.endRebooted(within, list, at)
		}
		switch {
		case within.Err() != nil && ctx.Err() == nil:
			return &aaa.Error{Kind: aaa.KindBusy, Message: "sessions of the NAS are still being closed", RetryAfter: time.Second, Err: err}
		case err != nil:
			return err
		case next == "":
			return nil
		}
		p.Start = next
	}
}

// endRebooted ends those of a page of sessions that were opened before a time.
func (m *Manager) endRebooted(ctx context.Context, list []store.SessionRecord, at time.Time) error {
	var under sync.WaitGroup
	places := make(chan struct{}, rebootAtOnce)
	errs := make(chan error, len(list))
	for _, rec := range list {
		s, err := unpack(rec)
		if err != nil || !s.heldAt().Before(at) {
			continue // one that can't be read is nobody's reason to try the NAS's record for ever
		}
		places <- struct{}{}
		under.Go(func() {
			defer func() { <-places }()
			if err := m.endOne(ctx, s, at); err != nil {
				errs <- err
			}
		})
	}
	under.Wait()
	close(errs)
	return <-errs
}

func (m *Manager) endOne(ctx context.Context, s *session, at time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ended, err := m.change(ctx, m.again(ctx, s), func(s *session) error {
		if !s.place().accounted() || !s.heldAt().Before(at) {
			return errOver
		}
		end := at
		if now := m.now(); end.After(now) {
			end = now
		}
		m.end(s, causeReboot, end)
		return nil
	})
	switch {
	case errors.Is(err, errOver), aaa.KindOf(err) == aaa.KindNotFound:
		return nil
	case err != nil:
		return err
	}
	if ended.Stop != nil {
		m.tellStop(ctx, ended)
	}
	return nil
}
