package clients

import (
	"context"
	"log/slog"
	"testing"

	"aaa-api/internal/store"
)

// TestFollower has the registry behind the change log's reader, as a node has it: what is written is in force when Sync returns, and the
// first reading loads everything.
func TestFollower(t *testing.T) {
	f := newFixture(t)
	f.put("provider/a", `{"address":"10.0.0.0/8"}`)
	follower := store.NewFollower(f.store.Changes(), slog.New(slog.DiscardHandler), store.FollowerOptions{})
	follower.Subscribe(f.registry.Changed)
	ctx, cancel := context.WithCancel(f.ctx)
	done := make(chan error, 1)
	go func() { done <- follower.Run(ctx) }()
	f.must(follower.Sync(f.ctx))
	f.by(radius, "10.1.0.1", "a")
	f.put("provider/b", `{"address":"10.1.0.0/16"}`)
	f.must(follower.Sync(f.ctx))
	f.by(radius, "10.1.0.1", "b")
	f.remove("provider/b")
	f.remove("provider/a")
	f.must(follower.Sync(f.ctx))
	f.by(radius, "10.1.0.1")
	cancel()
	f.must(<-done)
}
