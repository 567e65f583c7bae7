package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"aaa-api/internal/backoff"
)

// channel is what writes NOTIFY on. Channels belong to a database, and what is
// sent says nothing but that the change log is worth a look.
const channel = "aaa_api_changes"

const (
	pingAfter   = 10 * time.Second // of silence: a half-open connection would be silent for ever
	firstPause  = 50 * time.Millisecond
	longestWait = 5 * time.Second
	notifyPause = 20 * time.Millisecond // after a NOTIFY: those who write one after another share the next
)

// Notify asks for a NOTIFY. Several writes at once share one, and none waits for
// it or fails by it: a NOTIFY inside each transaction would serialise all commits
// of the server, and an engine without it can still be the store.
func (d *driver) Notify() {
	select {
	case d.written <- struct{}{}:
	default: // one is owed already
	}
}

func (d *driver) notifier() {
	for {
		select {
		case <-d.written:
			d.notify()
			_ = backoff.Sleep(d.life, notifyPause) // the next look at life notices its end
		case <-d.life.Done():
			select {
			case <-d.written:
				d.notify()
			default:
			}
			return
		}
	}
}

func (d *driver) notify() {
	ctx, cancel := context.WithTimeout(context.Background(), d.timeout)
	defer cancel()
	if _, err := (conn{d.pool}).Exec(ctx, `SELECT pg_notify($1, '')`, channel); err != nil {
		d.log.Debug("NOTIFY failed; the timer will find the change", "error", err)
	}
}

// Wake listens on a connection of its own, which is made anew as often as it breaks.
func (d *driver) Wake(ctx context.Context) <-chan struct{} {
	woken := make(chan struct{}, 1)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return woken
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(d.life, cancel)
	d.running.Go(func() {
		defer cancel()
		defer stop()
		d.listener(ctx, woken)
	})
	return woken
}

func (d *driver) listener(ctx context.Context, woken chan<- struct{}) {
	failures := 0
	for {
		listened, err := d.listen(ctx, woken)
		if ctx.Err() != nil {
			return
		}
		if listened {
			failures = 0
		}
		if failures++; failures == 1 {
			d.log.Warn("the connection that listens for changes is lost; until it is back the timer finds them", "error", err)
		}
		if backoff.Sleep(ctx, backoff.Spread(backoff.Double(firstPause, longestWait, failures))) != nil {
			return
		}
	}
}

// listen listens until the connection fails, and says whether it ever worked.
func (d *driver) listen(ctx context.Context, woken chan<- struct{}) (listened bool, err error) {
	c, err := pgx.ConnectConfig(ctx, d.pool.Config().ConnConfig)
	if err != nil {
		return false, err
	}
	defer func() {
		cctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = c.Close(cctx)
	}()
	if err := d.within(ctx, func(ctx context.Context) error {
		_, err := c.Exec(ctx, `LISTEN `+channel)
		return err
	}); err != nil {
		return false, err
	}
	d.log.Debug("listening for changes")
	// Its own NOTIFY comes back, unless a pooler keeps the session apart from this connection.
	d.Notify()
	heard := d.within(ctx, func(ctx context.Context) error {
		_, err := c.WaitForNotification(ctx)
		return err
	})
	if heard != nil && !c.IsClosed() && ctx.Err() == nil {
		d.log.Warn("the database sends no notifications, so changes take up to half a second: a connection pooler in transaction mode " +
			"can't pass them on; the service needs a session of its own to hear them")
	}
	for {
		// At first too: only now is it certain that nothing that comes later is missed,
		// so what came before must be looked for.
		select {
		case woken <- struct{}{}:
		default:
		}
		if err := d.notified(ctx, c); err != nil {
			return true, err
		}
	}
}

// notified returns at a notification, or when the connection has failed.
func (d *driver) notified(ctx context.Context, c *pgx.Conn) error {
	for {
		wctx, cancel := context.WithTimeout(ctx, pingAfter)
		_, err := c.WaitForNotification(wctx)
		silent := wctx.Err() != nil && ctx.Err() == nil
		cancel()
		if err == nil {
			return nil
		}
		if !silent || c.IsClosed() {
			return err
		}
		if err := d.within(ctx, c.Ping); err != nil {
			return err
		}
	}
}

// within runs fn with the time of one operation.
func (d *driver) within(ctx context.Context, fn func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	return fn(ctx)
}
