//go:build !embedded

package main

import (
	"context"
	"log/slog"

	"aaa-api/internal/config"
	"aaa-api/internal/store"
	"aaa-api/internal/store/postgres"
)

func migratePostgres(ctx context.Context, cfg *config.Config) error {
	return postgres.Migrate(ctx, cfg.DatabaseURL.Reveal())
}

func openPostgres(ctx context.Context, cfg *config.Config, log *slog.Logger) (store.Store, error) {
	return postgres.Open(ctx, cfg.DatabaseURL.Reveal(), postgres.Options{Log: log})
}
