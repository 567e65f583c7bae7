package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"aaa-api/internal/config"
)

// lockData makes this process the only node of an embedded store: two would each keep what they know of sessions, pools
// and servers to themselves. The kernel gives the lock back however the process ends.
func lockData(ctx context.Context, cfg *config.Config) (release func() error, err error) {
	path := filepath.Join(cfg.DataDir, "serve.lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	err = soon(ctx, syscall.EWOULDBLOCK, func() error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) })
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		_ = f.Close()
		return nil, fmt.Errorf("another aaa-api serves with the data folder %s: give this one a --data-dir of its own, or several nodes a PostgreSQL (--database-url)", cfg.DataDir)
	case err != nil:
		_ = f.Close()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return f.Close, nil
}
