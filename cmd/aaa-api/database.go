package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"aaa-api/internal/config"
	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlite"
)

// migrateStore brings the database that cfg names to the newest version. Two nodes that
// start at once may both do it.
func migrateStore(ctx context.Context, cfg *config.Config) error {
	if !cfg.DatabaseURL.IsZero() {
		return migratePostgres(ctx, cfg)
	}
	if err := makeDataDir(cfg); err != nil {
		return err
	}
	return sqlite.Migrate(ctx, cfg.StorePath())
}

// openStore opens the database that cfg names. It must have been migrated.
func openStore(ctx context.Context, cfg *config.Config, log *slog.Logger) (store.Store, error) {
	if !cfg.DatabaseURL.IsZero() {
		return openPostgres(ctx, cfg, log)
	}
	if _, err := os.Stat(cfg.StorePath()); err != nil {
		return nil, fmt.Errorf("no database yet (aaa-api serve or migrate makes it): %w", err)
	}
	return sqlite.Open(ctx, cfg.StorePath())
}

// withStore opens the database that the settings name for one command.
func withStore(cmd *cobra.Command, env environment, fn func(context.Context, *config.Config, store.Store) error) error {
	cfg, err := loadConfig(cmd, env)
	if err != nil {
		return err
	}
	st, err := openStore(cmd.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return errors.Join(fn(cmd.Context(), cfg, st), st.Close())
}

// makeDataDir makes the data folder, for its owner alone.
func makeDataDir(cfg *config.Config) error {
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	return nil
}

func migrateCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database to this version (serve does so too)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(cmd, env)
			if err != nil {
				return err
			}
			if err := migrateStore(cmd.Context(), cfg); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "the database is up to date")
			return err
		},
	}
	config.AddFlags(cmd.Flags(), config.DataDir, config.Database)
	return cmd
}
