package sqlite

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"aaa-api/internal/store/sqlstore"
)

// TestTimeout asks what a write is given to run in, which is what it waits for another process's lock, too.
func TestTimeout(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "aaa.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // the test is over
	began := time.Now()
	if err := s.driver.Write(t.Context(), func(ctx context.Context, _ sqlstore.Conn) error {
		deadline, limited := ctx.Deadline()
		if patience := deadline.Sub(began); !limited || patience < 4*time.Second || patience > 6*time.Second {
			t.Errorf("a write has %v (%v), not 5 s", patience, limited)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}
