//go:build embedded

package main

import (
	"context"
	"errors"
	"log/slog"

	"aaa-api/internal/config"
	"aaa-api/internal/store"
)

// errEmbedded is the answer to --database-url of a binary built for a first try:
// the PostgreSQL driver is a tenth of a build from nothing.
var errEmbedded = errors.New("this binary has the embedded store alone: build one that knows PostgreSQL with make build")

func migratePostgres(context.Context, *config.Config) error {
	return errEmbedded
}

func openPostgres(context.Context, *config.Config, *slog.Logger) (store.Store, error) {
	return nil, errEmbedded
}
