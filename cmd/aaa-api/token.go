package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"aaa-api/internal/aaa"
	"aaa-api/internal/config"
	"aaa-api/internal/store"
	"aaa-api/internal/token"
)

func tokenCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make, list and revoke API tokens, straight in the database",
		Args:  subcommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(tokenCreate(env), tokenList(env), tokenRevoke(env))
	return cmd
}

// accountFlag adds --account. Without it, and where it may be left out, the root account is meant.
func accountFlag(cmd *cobra.Command, usage string) *string {
	config.AddFlags(cmd.Flags(), config.DataDir, config.Database)
	return cmd.Flags().String("account", "", usage)
}

// withAccount opens the database for one command and finds the account of its --account.
func withAccount(cmd *cobra.Command, env environment, account string, fn func(context.Context, store.Store, store.Account) error) error {
	if account == "" && cmd.Flags().Changed("account") { // a variable without a value, which must not mean the root
		return fmt.Errorf("%w: --account is empty", errUsage)
	}
	return withStore(cmd, env, func(ctx context.Context, _ *config.Config, st store.Store) error {
		a, err := theAccount(ctx, st, account)
		if err != nil {
			return err
		}
		return fn(ctx, st, a)
	})
}

// theAccount finds the account that --account names, or the root.
func theAccount(ctx context.Context, st store.Store, text string) (store.Account, error) {
	if text == "" {
		a, err := st.Accounts().Root(ctx)
		if errors.Is(err, store.ErrNotFound) {
			return a, errors.New("there is no root account yet: aaa-api serve makes it")
		}
		return a, err
	}
	id, err := aaa.ParseAccountID(text)
	if err != nil {
		return store.Account{}, fmt.Errorf("%w: --account: %w", errUsage, err)
	}
	a, err := st.Accounts().Get(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return a, fmt.Errorf("there is no account %s", id)
	}
	return a, err
}

func tokenCreate(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a token; it stands alone on the last line and is shown this once",
		Args:  cobra.NoArgs,
	}
	account := accountFlag(cmd, "the account that the token reaches, with all below it (default: the root account, which is all)")
	scopes := cmd.Flags().StringSlice("scopes", token.Scopes(), "any of "+strings.Join(token.Scopes(), ", "))
	note := cmd.Flags().String("note", "", "what the token is for")
	expires := cmd.Flags().String("expires", "", "when it ends: a time (2027-01-31T12:00:00Z), or how long from now (90d, 12h30m); default: never")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		wanted, err := wantedToken(cmd, *scopes, *note, *expires)
		if err != nil {
			return err
		}
		return withAccount(cmd, env, *account, func(ctx context.Context, st store.Store, a store.Account) error {
			wanted.Account = a.ID
			text, err := mintToken(ctx, st, &wanted)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "token %s of account %s (%s), scopes %s, expires %s:\n%s\n",
				wanted.ID, a.ID, a.Name, strings.Join(wanted.Scopes, ","), expiry(wanted), text)
			return err
		})
	}
	return cmd
}

// wantedToken holds the flags against what the API takes of a token.
func wantedToken(cmd *cobra.Command, scopes []string, note, expires string) (store.Token, error) {
	list := make([]any, len(scopes))
	for i, s := range scopes {
		list[i] = s
	}
	now := time.Now()
	wanted := map[string]any{"scopes": list, "note": note}
	if cmd.Flags().Changed("expires") { // empty is a variable without a value, which must not mean never
		wanted["expires_at"] = expires
		if d, ok := fromNow(expires); ok {
			wanted["expires_at"] = now.Add(d).UTC().Format(time.RFC3339)
		}
	}
	t, err := token.New(token.KindToken, wanted, now)
	var bad *aaa.Error
	if !errors.As(err, &bad) {
		return t, err
	}
	var faults []string
	for _, f := range bad.Fields {
		flag, _, _ := strings.Cut(f.Path, ".")
		message := f.Message
		if flag == "expires_at" {
			flag, message = "expires", fmt.Sprintf("%q is neither a time to come (2027-01-31T12:00:00Z) nor how long from now (90d, 12h30m)", expires)
		}
		faults = append(faults, "--"+flag+": "+message)
	}
	return t, fmt.Errorf("%w: %s", errUsage, strings.Join(faults, "; "))
}

// fromNow reads how long a token lives: a number of days (90d) or a Go duration.
func fromNow(text string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err == nil
	}
	d, err := time.ParseDuration(text)
	return d, err == nil
}

// expiry is when a token ends, for people.
func expiry(t store.Token) string {
	if t.ExpiresAt.IsZero() {
		return "never"
	}
	return t.ExpiresAt.UTC().Format(time.RFC3339)
}

// fullToken is a token of an account with all scopes and no end, to be minted.
func fullToken(account aaa.AccountID, note string) store.Token {
	return store.Token{
		ID: aaa.NewID(), Account: account, Kind: token.KindToken, Scopes: token.Scopes(), Note: note, CreatedAt: time.Now().UTC(),
	}
}

// mintToken stores a token with the hash of a new text, which is nowhere but in the result.
func mintToken(ctx context.Context, st store.Store, t *store.Token) (string, error) {
	key, err := token.LoadKey(ctx, st.Tokens())
	if err != nil {
		return "", err
	}
	text := key.Mint(t)
	if err := st.Tokens().Create(ctx, *t); err != nil {
		return "", fmt.Errorf("storing the token: %w", err)
	}
	return text, nil
}

func tokenList(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List an account's tokens (never their text: nobody knows it)",
		Args:  cobra.NoArgs,
	}
	account := accountFlag(cmd, "the account (default: the root account)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withAccount(cmd, env, *account, func(ctx context.Context, st store.Store, a store.Account) error {
			list, _, err := st.Tokens().List(ctx, a.ID, store.Page{})
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "ID\tKIND\tSCOPES\tCREATED\tEXPIRES\tMADE BY\tNOTE")
			for _, t := range list {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%q\n", t.ID, t.Kind, strings.Join(t.Scopes, ","), t.CreatedAt.UTC().Format(time.RFC3339), expiry(t), maker(t), t.Note)
			}
			return w.Flush()
		})
	}
	return cmd
}

// maker is the token that made one and its account, for people.
func maker(t store.Token) string {
	if t.MakerAccount == "" {
		return "-"
	}
	return cmp.Or(t.MadeBy, "-") + "@" + string(t.MakerAccount)
}

func tokenRevoke(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke ID",
		Short: "Revoke a token by its id; running nodes refuse it within a second",
		Args:  cobra.ExactArgs(1),
	}
	account := accountFlag(cmd, "the token's account (default: the root account)")
	orphan := cmd.Flags().Bool("orphan", false, "keep the tokens that it made; without it they are revoked too, and what those made")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withAccount(cmd, env, *account, func(ctx context.Context, st store.Store, a store.Account) error {
			gone, err := revoke(ctx, st, a.ID, args[0], *orphan)
			if errors.Is(err, store.ErrNotFound) {
				return fmt.Errorf("account %s has no token %q", a.ID, args[0])
			}
			if err != nil {
				return err
			}
			also := ""
			if n := gone.Tokens - 1; n > 0 {
				also = fmt.Sprintf(", and %d that came from it", n)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "token %s is revoked%s\n", args[0], also)
			return err
		})
	}
	return cmd
}

func revoke(ctx context.Context, st store.Store, account aaa.AccountID, id string, orphan bool) (store.Revoked, error) {
	if orphan {
		return store.Revoked{Tokens: 1}, st.Tokens().Orphan(ctx, account, id, "")
	}
	return st.Tokens().Revoke(ctx, account, id)
}
