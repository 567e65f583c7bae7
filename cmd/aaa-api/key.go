package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"aaa-api/internal/config"
	"aaa-api/internal/secmod"
	"aaa-api/internal/store"
)

func keyCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Change the key file's key, or begin anew after it is lost",
		Args:  subcommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(keyRotate(env), keyReset(env))
	return cmd
}

func keyRotate(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Seal the accounts' keys under a new key; nodes go on running",
		Long: `Seal the accounts' keys under a new key. No secret has to be entered again, and nodes go on running.

The first call puts a new key in front of the old one in the key file. With the embedded store it goes on at once. With
PostgreSQL it stops there: copy the file to all other nodes and call it again. The second call seals every account's key under the
new one and takes the old one out of the file.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withStore(cmd, env, func(ctx context.Context, cfg *config.Config, st store.Store) error {
				return rotateKey(ctx, cfg, st, cmd.OutOrStdout())
			})
		},
	}
	config.AddFlags(cmd.Flags(), config.DataDir, config.Database, config.KeyFile)
	return cmd
}

// rotateKey does what is next of a rotation: a new key in the file, then the accounts' keys under it.
func rotateKey(ctx context.Context, cfg *config.Config, st store.Store, out io.Writer) error {
	kek, err := secmod.LoadKeyFile(cfg.KeyFile)
	if err != nil {
		return err
	}
	if err := secmod.New(kek, st.Keys()).Check(ctx); errors.Is(err, secmod.ErrWrongKey) {
		return fmt.Errorf("no key in %s opens the seal of this database: use the key file of the nodes: %w", cfg.KeyFile, err)
	} else if err != nil {
		return fmt.Errorf("the store's seal: %w", err)
	}
	if kek.Keys() == 1 {
		if err := kek.AddKey(); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s has a new key, and the old one on the line after it\n", cfg.KeyFile)
		if !cfg.DatabaseURL.IsZero() {
			fmt.Fprintln(out, "copy it to every other node, then call this once more: nodes read it by themselves")
			return nil
		}
	}
	done, err := secmod.Rewrap(ctx, kek, st.Keys(), func(r secmod.Rewrapped) {
		fmt.Fprintf(out, "%d keys of accounts checked, %d sealed anew\n", r.Checked, r.Changed)
	})
	if err != nil {
		return err
	}
	if done.Foreign > 0 {
		return fmt.Errorf("%d keys of accounts are sealed by a key that %s does not have: add a line with it and call this again", done.Foreign, cfg.KeyFile)
	}
	if err := kek.DropOldKeys(); err != nil {
		return fmt.Errorf("all is sealed under the first key of %s, and the others could not be taken out: %w", cfg.KeyFile, err)
	}
	fmt.Fprintf(out, "%s has the new key alone: back it up, and copy it to every other node when convenient\n", cfg.KeyFile)
	return nil
}

func keyReset(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reset --lose-secrets",
		Short: "Begin anew with another key after the key file is lost: all secrets have to be entered again",
		Long: `Begin anew with another key after the key file is lost. Stop all nodes first.

What was sealed with the lost key is gone: the command lists the documents whose secrets and the users files that have to be
written again, and parks the accounting records that wait. Until then requests of their accounts, and of those below, are answered with 503. AAA sessions end; everything else stays.`,
		Args: cobra.NoArgs,
	}
	lose := cmd.Flags().Bool("lose-secrets", false, "confirm that all sealed secrets are given up")
	config.AddFlags(cmd.Flags(), config.DataDir, config.Database, config.KeyFile)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !*lose {
			return fmt.Errorf("%w: this gives up all sealed secrets; say so with --lose-secrets", errUsage)
		}
		return withStore(cmd, env, func(ctx context.Context, cfg *config.Config, st store.Store) error {
			if cfg.DatabaseURL.IsZero() {
				unlock, err := lockData(ctx, cfg)
				if err != nil {
					return err
				}
				defer unlock() //nolint:errcheck // the process ends now
			}
			return resetKey(ctx, cfg, st, cmd.OutOrStdout())
		})
	}
	return cmd
}

// resetKey gives up what the store's seal holds and seals it with the key file, which is made if it does not exist.
func resetKey(ctx context.Context, cfg *config.Config, st store.Store, out io.Writer) error {
	kek, err := secmod.LoadKeyFile(cfg.KeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		kek, err = secmod.CreateKeyFile(cfg.KeyFile)
	}
	if err != nil {
		return err
	}
	sealed, err := secmod.Sealed(ctx, st.Keys())
	if err != nil {
		return fmt.Errorf("the store's seal: %w", err)
	}
	if !sealed {
		return errors.New("this database has no seal: there is nothing to reset")
	}
	vault := secmod.New(kek, st.Keys())
	switch err := vault.Check(ctx); {
	case err == nil:
		return fmt.Errorf("%s opens the seal of this database: nothing is lost, and nothing was changed", cfg.KeyFile)
	case !errors.Is(err, secmod.ErrWrongKey):
		return fmt.Errorf("the store's seal: %w", err)
	}
	if err := giveUp(ctx, st, out); err != nil {
		return err
	}
	if err := vault.Check(ctx); err != nil {
		return fmt.Errorf("the new seal: %w", err)
	}
	journal := filepath.Join(cfg.DataDir, "journal")
	if files, err := filepath.Glob(filepath.Join(journal, "node-*", "*.seg")); err == nil && len(files) > 0 {
		fmt.Fprintf(out, "%s has accounting records sealed with the lost key, in %d files: they stay there, and can't be sent\n", journal, len(files))
	}
	_, err = fmt.Fprintf(out, "the database is sealed with the key of %s: back it up, copy it to every node, and start the nodes\n", cfg.KeyFile)
	return err
}
