package pgtest

import (
	"context"
	"sync"
	"testing"

	"aaa-api/internal/aaa"
)

// template is the database that Migrated copies. No other process has its name.
var template struct {
	mu   sync.Mutex
	name string
}

// Migrated makes a database for one test as Open does, with the tables that migrate makes. These are the
// same for every test and take longer than all the rest, so migrate is called for the first one alone: the
// others get copies. The tests' TestMain calls DropTemplate when they are done.
func Migrated(t testing.TB, migrate func(ctx context.Context, address string) error) string {
	t.Helper()
	name, err := original(t.Context(), migrate)
	if err != nil {
		t.Fatal(err)
	}
	return forOne(t, "STRATEGY FILE_COPY TEMPLATE "+name) // which has the original's locale
}

func original(ctx context.Context, migrate func(ctx context.Context, address string) error) (string, error) {
	template.mu.Lock()
	defer template.mu.Unlock()
	if template.name != "" {
		return template.name, nil
	}
	name := "template_" + aaa.NewID()
	address, err := create(name, empty)
	if err != nil {
		return "", err
	}
	if err := migrate(ctx, address); err != nil {
		_ = drop(name)
		return "", err
	}
	template.name = name
	return name, nil
}

// DropTemplate drops what Migrated makes its copies of: the server may be there for longer than the process.
func DropTemplate() error {
	template.mu.Lock()
	defer template.mu.Unlock()
	if template.name == "" {
		return nil
	}
	name := template.name
	template.name = ""
	return drop(name)
}
